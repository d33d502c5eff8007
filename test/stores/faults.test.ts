/** Which errors of a client mean that Redis could not serve, and whether the command was surely not carried out; all others are bugs. */
import { expect, it } from 'vitest';
import { fault } from '../../stores/redis/faults.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';

const NOT_DONE = [
  ...['LOADING', 'BUSY', 'OOM', 'READONLY', 'MISCONF', 'CLUSTERDOWN', 'MASTERDOWN', 'NOREPLICAS'],
  ...['TRYAGAIN', 'MOVED', 'ASK', 'NOAUTH', 'WRONGPASS'],
].map((code) => `${code} says Redis`);

it.each([
  ...NOT_DONE,
  'OOM command not allowed',
  '@user_script: 7: -READONLY You can’t write',
  '@user_script:12: OOM command not allowed',
  'NOPERM this user has no permissions to run the command',
  "Stream isn't writeable and enableOfflineQueue options is false",
  "Cluster isn't ready and enableOfflineQueue options is false",
  'Cluster is ended.',
  'None of startup nodes is available',
  'Too many Cluster redirections. Last error: ReplyError: MOVED 7 127.0.0.1:7',
])('%s: it was surely not done', (message) => {
  expect(fault(new Error(message))).toMatchObject({ name: 'StoreUnavailableError', notSent: true });
});

it.each([
  'Connection is closed.',
  'Command timed out',
  'Command aborted due to connection close',
  'Reached the max retries per request limit (which is 20)',
  'Failed to refresh slots cache.',
  'Too many Cluster redirections. Last error: Error: Connection is closed.',
  'ERR @user_script: 9: NOPERM this user has no permissions',
  'NOPERM this user has no permissions script: abc, on @user_script:1.',
  "ERR The user executing the script can't run this command or subcommand",
])('%s: it may have been done', (message) => {
  expect(fault(new Error(message))).toMatchObject({ name: 'StoreUnavailableError', notSent: false });
});

it('an error of a socket says nothing of what had been written before', () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { syscall: 'read' });
  expect(fault(reset)).toMatchObject({ name: 'StoreUnavailableError', notSent: false, cause: reset });
});

it.each([
  'WRONGTYPE Operation against a key',
  '@user_script: 12: -WRONGTYPE Operation against a key',
  '@user_script:3: WRONGTYPE Operation against a key',
  'ERR WRONGTYPE Operation against a key',
  'ERR -WRONGTYPE Operation against a key',
])('%s: a key is damaged, which is no outage of all', (message) => {
  const error = new Error(message);
  expect(fault(error)).toMatchObject({
    notSent: false,
    cause: error,
    message: `A key of the store is damaged in Redis (health says which): ${message}`,
  });
});

it.each([
  'ERR unknown command',
  'ERR Error running script: OOM of another kind',
  'it says MOVED 7',
  'MOVEDED 7 127.0.0.1:7',
  'it was told that Connection is closed.',
  'Connection is closed. Or is it?',
  'the Cluster is ended.',
  'Cluster is ended. Or is it?',
  'a field WRONGTYPE was read',
  'it says ERR WRONGTYPE of a key',
  'Command timed out, or did it?',
  'Command aborted due to connection closed',
  "Stream isn't writeable",
])('%s: it is a bug, and stays what it is', (message) => {
  const bug = new Error(message);
  expect(fault(bug)).toBe(bug);
});

it('what is told already, and what is no error, passes as it is', () => {
  const told = new StoreUnavailableError('away', true);
  expect(fault(told)).toBe(told);
  expect(fault('Command timed out')).toBe('Command timed out');
});
