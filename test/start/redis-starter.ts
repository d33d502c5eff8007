/** `redis-starter.ts dataDir`: asks for a private Redis, says what it got as JSON, and ends without stopping it. */
import { privateRedis } from '../../server/start/private-redis.ts';

const found = await privateRedis(process.argv[2] ?? '');
process.stdout.write(`${JSON.stringify(found)}\n`);
