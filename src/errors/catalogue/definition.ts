import { COMPONENT_BY_CODE, ERROR_CODES, type Component, type ErrorCode, type Severity } from '@clarion/protocol';

/** What one reason always means: the same for every occurrence. */
export interface ReasonDefinition<R extends string = string, C extends Component = Component> {
  readonly reason: R;
  readonly code: ErrorCode;
  readonly component: C;
  readonly severity: Severity;
  readonly retryable: boolean;
  /** After how many milliseconds a retry is worth it; null where none is. */
  readonly retryAfterMs: number | null;
  /** Whether a new connection can help; decides the close code (PROTOCOL.md section 6). */
  readonly reconnect: boolean;
  readonly httpStatus: number;
  /** English, fixed, for developers. */
  readonly message: string;
  /** The keys of `details` that an end user may see; all others go to logs, records and admins. */
  readonly publicDetails: readonly string[];
  /** Clients can cause it in masses: beyond a limit, occurrences are added up instead of recorded one by one. */
  readonly aggregate: boolean;
}

interface Entry {
  readonly severity: Severity;
  readonly http: number;
  readonly message: string;
  /** Given: the reason is retryable, after this many milliseconds. */
  readonly retryAfterMs?: number;
  /** Default true. False only where a new connection would meet the same refusal. */
  readonly reconnect?: boolean;
  readonly publicDetails?: readonly string[];
  readonly aggregate?: boolean;
}

/** The reasons of one component, with the component's code and the defaults filled in. */
export function defineReasons<C extends Component, R extends string>(
  component: C,
  entries: Record<R, Entry>,
): { readonly [K in R]: ReasonDefinition<K, C> } {
  const code = codeOf(component);
  const definitions = Object.entries<Entry>(entries).map(([reason, entry]) => [
    reason,
    Object.freeze({
      reason,
      code,
      component,
      severity: entry.severity,
      retryable: entry.retryAfterMs !== undefined,
      retryAfterMs: entry.retryAfterMs ?? null,
      reconnect: entry.reconnect ?? true,
      httpStatus: entry.http,
      message: entry.message,
      publicDetails: entry.publicDetails ?? [],
      aggregate: entry.aggregate ?? false,
    }),
  ]);
  return Object.fromEntries(definitions) as { readonly [K in R]: ReasonDefinition<K, C> };
}

function codeOf(component: Component): ErrorCode {
  const code = ERROR_CODES.find((candidate) => COMPONENT_BY_CODE[candidate] === component);
  if (code === undefined) throw new TypeError(`No error code belongs to ${component}`);
  return code;
}
