/**
 * `npm start`: store, five services and coordinator on this machine, each a process of its own.
 *
 * | signal | does |
 * |---|---|
 * | Ctrl-C, SIGTERM, SIGHUP | stops the coordinator, which drains, then the services, then a Redis that was started here |
 * | a second one | kills at once what is left of them |
 *
 * What ran before is used and left as it was, and a Redis to which others are connected is left to them. A second
 * `npm start` on the same port is refused. When we are killed, what we ran drains and ends by itself, but for Redis, which the
 * next start uses. When the coordinator dies, everything else stays up and it is not restarted, so that its crash and
 * `npm run coordinator` can be watched. What the crash theatre (`FAULTS=1`) has killed is started again.
 */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { outliveNobody } from '../outliving.ts';
import { supervise } from './supervisor.ts';

/** Beside us in the same form: sources run sources, compiled files run compiled files. */
const beside = (module: string) =>
  fileURLToPath(new URL(`${module}${extname(import.meta.url)}`, import.meta.url));

process.exitCode = await supervise(process.env, {
  services: beside('../../services-stub/main'),
  coordinator: beside('../main'),
});
outliveNobody();
