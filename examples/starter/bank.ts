/**
 * The participant: a bank whose accounts are in memory. The ledger sees to it that each call has its effect once, however often it
 * comes. `npm run bank` runs it alone.
 */
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { createParticipant, done, memoryLedger, nodeHandler, refused } from 'saga-coordinator/participant';
import { z } from 'zod';

const accounts = new Map([
  ['ada', 10_000],
  ['bob', 0],
]);

const order = z.object({ account: z.string(), cents: z.int().min(1) });

/** @param sign 1 puts money on the account, -1 takes it */
function moving(name: 'debit' | 'credit', sign: 1 | -1) {
  // Of a service with a database of its own: postgresLedger, sqliteLedger or redisLedger, in the transaction of the effect.
  return createParticipant(memoryLedger(), {
    perform({ body, sagaId }) {
      const { success, data } = order.safeParse(body);
      if (!success) return refused('an account and cents are needed');
      const balance = accounts.get(data.account);
      if (balance === undefined) return refused('no such account');
      if (balance + sign * data.cents < 0) return refused('not enough money');
      accounts.set(data.account, balance + sign * data.cents);
      return done({ [name]: sagaId, ...data });
    },
    undo({ answer }) {
      const { account, cents } = order.parse(answer);
      accounts.set(account, (accounts.get(account) ?? 0) - sign * cents);
      return done({});
    },
  });
}

const debits = moving('debit', -1);
const credits = moving('credit', 1);
const routes = new Map([
  ['POST /debits', nodeHandler(debits.action)],
  ['POST /debits/undo', nodeHandler(debits.compensation)],
  ['GET /debits/stands', nodeHandler(debits.ask)],
  ['POST /credits', nodeHandler(credits.action)],
  ['POST /credits/undo', nodeHandler(credits.compensation)],
  ['GET /credits/stands', nodeHandler(credits.ask)],
]);

/** @param port 0 is any that is free; `BANK_PORT` or 7001 unless set */
export function openBank(port = Number(process.env.BANK_PORT ?? 7001)) {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    const route = routes.get(`${request.method} ${path}`);
    if (route !== undefined) void route(request, response);
    else if (path === '/accounts') response.end(JSON.stringify(Object.fromEntries(accounts)));
    else response.writeHead(404).end();
  });
  return server.listen(port, '127.0.0.1');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) openBank();
