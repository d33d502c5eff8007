/** What a coordinator is told that it is to take for the truth; only `test/chaos/coordinator.ts` listens. */
export interface Pretence {
  /** The file of the clocks, and who of those in it this is. */
  readonly clocks?: string;
  readonly name?: string;
  /** How long ended sagas are kept; less than any setting allows. */
  readonly retentionMs?: number;
  /** Which release of the order saga it runs; each carries on the sagas of those before. */
  readonly release?: number;
}
