import type { ComponentDetail } from '@clarion/protocol';
import type { AppConfig } from '../config';

/** The numbers of a component, by their path: `pool.active`. */
export type Figures = Readonly<Record<string, number>>;

/** Where a check of the environment finds fault. */
export const DISK_FAILED_MB = 32;
export const LAG_DEGRADED_MS = 250;
/** From how many failures within a minute the gateway's components are degraded. */
const FAILURES_DEGRADED = 5;

/** A figure of which it is told beforehand that it comes to its limit. */
export interface Watch {
  readonly figure: RegExp;
  readonly name: string;
  readonly unit: string;
  readonly direction: 'rises' | 'falls';
  /** Undefined where there is none. */
  readonly limit: (figures: Figures, config: AppConfig) => number | undefined;
  readonly suggestion: string;
}

const LET_GO = 'look for what is not let go of, and restart this process before';

export const WATCHES: readonly Watch[] = [
  {
    figure: /^latency_ms$/,
    name: 'The time of its check',
    unit: ' ms',
    direction: 'rises',
    limit: (_figures, { health }) => health.timeoutMs,
    suggestion: 'see what slows it down',
  },
  {
    figure: /^failures_last_minute$/,
    name: 'Failures',
    unit: ' a minute',
    direction: 'rises',
    limit: () => FAILURES_DEGRADED,
    suggestion: 'look them up at /admin/api/errors',
  },
  {
    figure: /\.longest_wait_ms$/,
    name: 'The age of the oldest job',
    unit: ' ms',
    direction: 'rises',
    limit: (_figures, { alerts }) => alerts.queueAgeMs,
    suggestion: 'raise WORKER_CONCURRENCY, or start another worker',
  },
  {
    figure: /^pool\.active$/,
    name: 'The number of connections in use',
    unit: '',
    direction: 'rises',
    limit: (figures) => figures['pool.limit'],
    suggestion: 'raise DATABASE_POOL_SIZE, or look for slow statements',
  },
  {
    figure: /^disk_free_mb$/,
    name: 'Free space in DATA_DIR',
    unit: ' MB',
    direction: 'falls',
    limit: () => DISK_FAILED_MB,
    suggestion: 'make room on that disk',
  },
  {
    figure: /^event_loop_lag_ms$/,
    name: 'The lag of the event loop',
    unit: ' ms',
    direction: 'rises',
    limit: () => LAG_DEGRADED_MS,
    suggestion: 'start another process, or look for code that computes without a pause',
  },
  {
    figure: /^rss_mb$/,
    name: 'Memory',
    unit: ' MB',
    direction: 'rises',
    limit: (figures) => figures['memory_limit_mb'],
    suggestion: LET_GO,
  },
  {
    figure: /^heap_used_mb$/,
    name: 'The heap',
    unit: ' MB',
    direction: 'rises',
    limit: (figures) => figures['heap_limit_mb'],
    suggestion: LET_GO,
  },
];

/** The numbers among the details of a component, at most two levels deep. */
export function figuresOf({ details = {} }: ComponentDetail): Figures {
  const figures: Record<string, number> = {};
  for (const [path, value] of Object.entries(details)) {
    if (typeof value === 'number') figures[path] = value;
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value))
        if (typeof inner === 'number') figures[`${path}.${key}`] = inner;
  }
  return figures;
}

/** Where no job waits none is old. */
export function withAges(figures: Figures): Figures {
  const queues = Object.keys(figures).filter((path) => path.endsWith('.waiting') && !path.startsWith('pool.'));
  const none = queues.map((path) => [path.replace(/waiting$/, 'longest_wait_ms'), 0]);
  return { ...(Object.fromEntries(none) as Figures), ...figures };
}
