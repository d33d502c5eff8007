/**
 * What the contract in stores/saga-store.ts promises, asked of any store. Each store's own test file only says
 * how it is opened and how its clock is moved.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import type { SagaStore } from '../../stores/saga-store.ts';
import { audits } from './conformance/audits.ts';
import { causesPart } from './conformance/causes.ts';
import { changes } from './conformance/changes.ts';
import { claims } from './conformance/claims.ts';
import { commits } from './conformance/commits.ts';
import { creates } from './conformance/creates.ts';
import { declarations } from './conformance/declarations.ts';
import { histories } from './conformance/histories.ts';
import { IN_FLIGHT_EACH, inFlight } from './conformance/in-flight.ts';
import { listings } from './conformance/listings.ts';
import { logs } from './conformance/logs.ts';
import { migrations } from './conformance/migrations.ts';
import { notes } from './conformance/notes.ts';
import { purges } from './conformance/purges.ts';
import { searches } from './conformance/searches.ts';
import { signals } from './conformance/signals.ts';

/** A store of its own for each test, and the hand on its clock. */
export interface Opened {
  readonly store: SagaStore;
  /** It seals whole records: amounts are in none of its sums, and it hashes what is sought by itself. */
  readonly sealsAll?: boolean;
  advance(ms: number): void;
}

/** One part of the suite: its tests ask for the store when they run. */
export type Part = (opened: () => Opened) => void;

/** What a part may want otherwise than it is by default. */
export interface OpenOptions {
  readonly inFlightMax?: number;
}

export interface Kind {
  /** Whether a thousand sagas are no long matter; where they are, what needs so many is left out by name. */
  readonly isQuick?: boolean;
  readonly partitions?: number;
}

export function describeStore(
  name: string,
  open: (options?: OpenOptions) => Promise<Opened>,
  { isQuick = true, partitions = 16 }: Kind = {},
): void {
  describe(name, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.store.close());

    describe('create', () => creates(() => opened));
    describe('commit', () => commits(() => opened));
    describe('due, claim, release', () => claims(() => opened));
    describe('signal', () => signals(() => opened));
    describe('logs', () => logs(() => opened));
    describe('running, list', () => listings(() => opened, isQuick));
    describe('search', () => searches(() => opened));
    describe('migrations', () => migrations(() => opened));
    describe('declarations', () => declarations(() => opened));
    describe('changes', () => changes(() => opened));
    describe('notes', () => notes(() => opened));
    describe('audit', () => audits(() => opened));
    describe('history', () => histories(() => opened));
    describe('causes', () => causesPart(() => opened));
    describe('statistics, purge', () => purges(() => opened));
  });

  describe(name, () => {
    let opened: Opened;
    beforeEach(async () => {
      opened = await open({ inFlightMax: IN_FLIGHT_EACH * partitions });
    });
    afterEach(() => opened.store.close());

    describe('sagas in flight', () => inFlight(() => opened));
  });
}
