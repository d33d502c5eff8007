/** Asks the stub to hold a participant back, and how often each saga called. */
import { request } from 'undici';
import type { SeenSaga } from './stub.ts';

export async function hold(stubUrl: string, path: string): Promise<void> {
  await told(stubUrl, 'PUT', `/held?path=${path}`);
}

export async function letGo(stubUrl: string): Promise<void> {
  await told(stubUrl, 'DELETE', '/held');
}

export async function noteSagas(stubUrl: string): Promise<void> {
  await told(stubUrl, 'PUT', '/sagas');
}

export async function sagasSeen(stubUrl: string): Promise<ReadonlyMap<string, SeenSaga>> {
  return new Map(Object.entries((await told(stubUrl, 'GET', '/sagas')) as Record<string, SeenSaga>));
}

async function told(stubUrl: string, method: 'PUT' | 'DELETE' | 'GET', path: string): Promise<unknown> {
  const { body } = await request(`${stubUrl}${path}`, { method });
  return body.json();
}
