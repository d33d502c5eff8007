/** A saga as the wire contract shows it. Another version of a coordinator may say more, or less: nothing is relied on. */
export interface LogEntry {
  readonly at: string;
  readonly event: string;
  readonly to: string;
  readonly step: string | null;
  readonly kind: string | null;
  readonly attempt: number | null;
  readonly outcome: string | null;
  readonly duration_ms: number | null;
  readonly error: string | null;
  readonly replayed?: true;
  readonly by?: string;
  readonly reason?: string;
  readonly seq: number;
}

export interface Saga {
  readonly saga_id: string;
  readonly order_id?: string | null;
  readonly label?: string | null;
  readonly status: string;
  readonly message: string;
  readonly state: string;
  readonly failed_step: string | null;
  readonly reason: string | null;
  readonly held: readonly { readonly step: string; readonly reason: string; readonly response: unknown }[];
  readonly execution_log: readonly LogEntry[];
  /** Only where it was read, not in the answer to an order. */
  readonly machine?: { readonly id: string; readonly version: string };
  readonly trace_id?: string;
  readonly created_at?: string;
  readonly retry_at?: string | null;
  readonly remaining_steps?: readonly string[];
  readonly parked?: { readonly reason: string } | null;
}

export function asSaga(body: unknown): Saga {
  const saga = (typeof body === 'object' && body !== null ? body : {}) as Saga;
  const listOf = <T>(found: readonly T[] | undefined): readonly T[] => (Array.isArray(found) ? found : []);
  return { ...saga, held: listOf(saga.held), execution_log: listOf(saga.execution_log) };
}
