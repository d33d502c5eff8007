/** `run-supervisor.ts services coordinator sameWishMs`: supervises the given modules instead of the real ones. */
import { supervise } from '../../server/start/supervisor.ts';

const [services = '', coordinator = '', sameWishMs = '0'] = process.argv.slice(2);
process.exitCode = await supervise(process.env, { services, coordinator }, Number(sameWishMs));
