/** What a coordinator says of itself and of all its sagas together. Another version of one may say more, or less. */
import type { Command, Invocation } from './command.ts';
import type { Cell } from './paper.ts';
import { EXIT } from './surroundings.ts';
import { asJson, shown, span } from './text.ts';

type Said = Readonly<Record<string, unknown>>;
type Row = readonly Cell[];

const within = (said: unknown, name: string): Said => {
  const found = (said as Said)[name];
  return typeof found === 'object' && found !== null ? (found as Said) : {};
};
const grey = (text: string): Cell => ({ text, colour: 'grey' });

/** @param rowsOf what a person reads of it; a program gets all, as it came */
function look(
  summary: string,
  path: string,
  rowsOf: (said: Said) => readonly Row[],
  isWell = (_: Said) => true,
): Command {
  return {
    summary,
    words: [],
    options: {},
    async run({ coordinator, asJson: json, paper, around: { out } }: Invocation) {
      const { body } = await coordinator.ask(path);
      const said = (typeof body === 'object' && body !== null ? body : {}) as Said;
      out.write(json ? `${asJson(body, 2)}\n` : paper.table(rowsOf(said)));
      return isWell(said) ? EXIT.ok : EXIT.sagaFailed;
    },
  };
}

function statistics(said: Said): Row[] {
  const seconds = within(said, 'duration_seconds');
  const compensations = within(said, 'compensations');
  const lasted = ['p50', 'p95', 'p99'].flatMap((name) =>
    typeof seconds[name] === 'number' ? [`${name} ${span(1000 * seconds[name])}`] : [],
  );
  const failures = Object.entries(within(said, 'failures_by_step')).flatMap(([machine, steps]) =>
    Object.entries(steps as Said).map(([step, count]) => `${shown(machine)} ${shown(step)} ${shown(count)}`),
  );
  const statuses = Object.entries(within(said, 'status_breakdown')).map(
    ([status, count]) => `${shown(count)} ${shown(status)}`,
  );
  return [
    [grey('sagas'), [shown(said.total_active_sagas), ...statuses].join(', ')],
    [grey('steps done'), `${shown(said.completed_steps)} of ${shown(said.total_steps)}`],
    [grey('undone'), `${shown(compensations.succeeded)} of ${shown(compensations.attempted)} compensations`],
    [grey('retries'), shown(said.retries)],
    [grey('lasted'), lasted.join(', ') || '-'],
    [grey('ended'), `${shown(said.throughput_per_minute)} in the last minute`],
    ...failures.map((failure, index): Row => [grey(index === 0 ? 'failed at' : ''), failure]),
  ];
}

function health(said: Said): Row[] {
  const store = within(said, 'store');
  const breakers = within(said, 'breakers');
  const isHealthy = said.coordinator_status === 'healthy';
  return [
    [grey('coordinator'), { text: shown(said.coordinator_status), colour: isHealthy ? 'green' : 'red' }],
    [grey('version'), shown(said.version)],
    [grey('in flight'), `${shown(said.in_flight)}, parked ${shown(said.parked)}`],
    [grey('store'), `${shown(store.kind)}, ${shown(store.durability)}`],
    ...Object.entries(within(said, 'services_health')).map(([name, isWell]): Row => {
      const breaker =
        breakers[name] === undefined || breakers[name] === 'closed' ? '' : `, breaker ${breakers[name]}`;
      const text = `${isWell === true ? 'answers' : 'does not answer'}${shown(breaker)}`;
      return [grey(shown(name)), isWell === true ? text : { text, colour: 'red' }];
    }),
  ];
}

function machines(said: Said): Row[] {
  const all = Array.isArray(said.machines) ? (said.machines as readonly Said[]) : [];
  const list = (value: unknown) => (Array.isArray(value) ? value.map(shown).join(' ') : '');
  return [
    ['MACHINE', 'VERSIONS', 'EVENTS', 'STEPS'].map(grey),
    ...all.map(
      ({ id, versions, events, steps }): Row => [shown(id), list(versions), list(events) || '-', list(steps)],
    ),
  ];
}

export const looks: Readonly<Record<string, Command>> = {
  stats: look('sums of all sagas', '/api/coordinator/statistics', statistics),
  health: look(
    'how the coordinator, its store and its services are',
    '/api/coordinator/health',
    health,
    ({ coordinator_status: is }) => is === 'healthy',
  ),
  machines: look('which sagas it runs', '/api/coordinator/machines', machines),
};
