/** Calls a participant the way the coordinator does, over a socket or straight into its app. */
import type { Participant, ServiceName } from '../../services-stub/participant.ts';

const ROUTES: Readonly<Record<ServiceName, { action: string; compensation: string; collection: string }>> = {
  order: { action: '/api/orders', compensation: '/api/orders/cancel', collection: '/api/orders' },
  inventory: {
    action: '/api/inventory/reserve',
    compensation: '/api/inventory/release',
    collection: '/api/inventory/reservations',
  },
  payment: {
    action: '/api/payments/process',
    compensation: '/api/payments/refund',
    collection: '/api/payments',
  },
  shipping: {
    action: '/api/shipping/schedule',
    compensation: '/api/shipping/cancel',
    collection: '/api/shipments',
  },
  notification: {
    action: '/api/notifications/send',
    compensation: '/api/notifications/cancel',
    collection: '/api/notifications',
  },
};

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the wire gave; the assertions are its types.
  readonly body: any;
}

export interface CallOptions {
  readonly saga?: string;
  readonly attempt?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Sends a request to a participant; `url` makes it go over a socket. */
export class Caller {
  readonly #participant: Participant;
  readonly #url: string | null;

  constructor(participant: Participant, url: string | null = null) {
    this.#participant = participant;
    this.#url = url;
  }

  get routes() {
    return ROUTES[this.#participant.service];
  }

  async send(method: string, path: string, init: RequestInit = {}): Promise<Answered> {
    const request = { method, ...init };
    const response =
      this.#url === null
        ? await this.#participant.app.request(path, request)
        : await fetch(`${this.#url}${path}`, request);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  }

  get(path: string): Promise<Answered> {
    return this.send('GET', path);
  }

  action(body: object, options: CallOptions = {}): Promise<Answered> {
    return this.#call('action', body, options);
  }

  compensate(body: object, options: CallOptions = {}): Promise<Answered> {
    return this.#call('compensation', body, options);
  }

  faults(rules: object): Promise<Answered> {
    const headers = { 'content-type': 'application/json' };
    return this.send('PUT', '/faults', { headers, body: JSON.stringify(rules) });
  }

  /** What became of each call, in order: `action performed 201`. */
  async journal(saga?: string): Promise<string[]> {
    const { body } = await this.get(saga === undefined ? '/ledger' : `/ledger/${saga}`);
    return body.entries.map(
      (entry: { kind: string; outcome: string; status: number }) =>
        `${entry.kind} ${entry.outcome} ${entry.status}`,
    );
  }

  #call(kind: 'action' | 'compensation', body: object, options: CallOptions): Promise<Answered> {
    const { saga = 'saga-1', attempt = 1, headers = {}, signal } = options;
    return this.send('POST', this.routes[kind], {
      headers: { ...callHeaders(saga, this.#participant.service, kind, attempt), ...headers },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

export function callHeaders(saga: string, step: string, kind: string, attempt = 1): Record<string, string> {
  return {
    'content-type': 'application/json',
    'idempotency-key': `${saga}:${step}:${kind}`,
    'saga-id': saga,
    'saga-step': step,
    'saga-attempt': String(attempt),
  };
}
