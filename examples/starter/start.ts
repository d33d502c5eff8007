/**
 * `npm start`: the bank, and beside it a coordinator that runs the saga, each saga kept in a Redis of its own where redis-server is
 * installed, and else in memory.
 */
import { openBank } from './bank.ts';

const { BANK_PORT = '7001' } = process.env;
openBank();
process.env.SAGAS ??= './transfer.ts';
process.env.BANK_SERVICE_URL ??= `http://127.0.0.1:${BANK_PORT}`;
await import('saga-coordinator/start');
