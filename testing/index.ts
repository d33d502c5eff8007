/**
 * Tests of a saga without a store, a network or a second of waiting: `run` plays one script, `explore` walks every outcome of every call.
 */

export { SampleError } from '../machines/sample.ts';
export { type End, SagaFault } from './drive.ts';
export { type Explored, type ExploreOptions, explore, type Invariant, InvariantError } from './explore.ts';
export { accepted, busy, done, lost, type Reply, refused, unreached } from './replies.ts';
export { type RunOptions, run, type Script } from './run.ts';
export type { AnySaga } from './subject.ts';
