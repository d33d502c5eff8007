/** One order saga through the kernel alone: what is decided and described for it, with nothing sent and nothing stored. */
import { onlyCall, Registry } from '../machines/index.ts';
import { orderInput, orderSaga } from '../machines/order.ts';
import { decide } from '../server/engine/decide.ts';
import { describe } from '../server/engine/write.ts';
import { answers, placed } from '../test/machines/placed-order.ts';

const policy = { timeoutMs: 10_000, attemptsMax: 5, backoffMs: 200, backoffMaxMs: 10_000 };
const rights = { leaseMarginMs: 500, leaseMaxMs: 15_000, retentionMs: 604_800_000 };
const owner = { name: 'bench', boot: 1 };
const writer = { owner, writeId: 'bench/1/1', rights, yielding: false, signalsSeen: 0 };
const machine = new Registry().register(orderSaga(() => policy));

const tell = () => {};
/** Each saga has a millisecond of its own. */
let now = 1_795_000_000_000;

/** Parts of it that are timed apart, by name. */
export type Timed = <T>(part: string, run: () => T) => T;
const untimed: Timed = (_, run) => run();

/** Runs one saga from its order to COMPLETED; answers the number of its writes. */
export function runSaga(timed: Timed = untimed): number {
  now += 1;
  const at = now;
  let snapshot = timed('begin', () => machine.begin(orderInput(placed)));
  let asks = timed('begin', () => machine.asks(snapshot));
  let writes = 1;
  for (let call = onlyCall(asks); call !== null; call = onlyCall(asks)) {
    const answer = answers[call.step] ?? {};
    timed('check the answer', () => call.faultIn(answer));
    const event = { type: 'done', at, answer } as const;
    const from = { snapshot, asks };
    const status = 'STARTED';
    const deciding = {
      machine,
      from,
      status,
      signals: [],
      event,
      of: null,
      at,
      overdue: false,
      tell,
    } as const;
    const hops = timed('decide', () => decide(deciding));
    const transition = {
      machine,
      hops,
      statusBefore: status,
      parkedBefore: null,
      at,
      callMs: 1,
      createdAtMs: at,
    } as const;
    timed('describe the write', () => describe(transition, writer));
    const after = hops.at(-1)?.after;
    if (after === undefined) throw new Error('nothing was decided');
    ({ snapshot, asks } = after);
    writes += 1;
  }
  return writes;
}
