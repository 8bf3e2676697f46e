import { access, constants, rm, statfs, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { type HealthFinding, HealthIndicator } from '../telemetry';
import { DISK_FAILED_MB, LAG_DEGRADED_MS } from './figures';

const MEBIBYTE = 1_048_576;
const DISK_DEGRADED_MB = 512;
const MEMORY_DEGRADED = 0.9;
/** Not the slowest: one long tick, as at the start, is no trouble; one in ten is. */
const LAG_PERCENTILE = 90;
const LAG_RESOLUTION_MS = 20;
/** A block of most file systems. */
const PROBE = Buffer.alloc(4_096, 1);

interface Figures {
  readonly disk_free_mb: number;
  readonly rss_mb: number;
  readonly memory_limit_mb: number;
  readonly heap_used_mb: number;
  readonly heap_limit_mb: number;
  /** 90th percentile since the last check. */
  readonly event_loop_lag_ms: number;
}

/** What no room owns: the machine and the process. Disk space of `DATA_DIR`, memory, and how late the event loop is. */
@Injectable()
export class EnvironmentIndicator extends HealthIndicator implements OnApplicationBootstrap, OnApplicationShutdown {
  override readonly component = 'environment';
  private readonly lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });

  constructor(private readonly config: AppConfig) {
    super();
  }

  onApplicationBootstrap(): void {
    this.lag.enable();
  }

  onApplicationShutdown(): void {
    this.lag.disable();
  }

  override async check(): Promise<HealthFinding> {
    const { dataDir } = this.config.server;
    const [disk] = await Promise.allSettled([freeDiskMb(dataDir)]);
    if (disk.status === 'rejected') return unusable(dataDir, disk.reason);
    return judge({ disk_free_mb: disk.value, ...memory(), event_loop_lag_ms: this.takeLagMs() }, dataDir);
  }

  /** A disk that hangs is a failure; a process without processor time has not come to look at it. */
  override unanswered(): HealthFinding | null {
    const lag = this.takeLagMs();
    return lag > LAG_DEGRADED_MS ? { ...lateBy(lag), details: { event_loop_lag_ms: lag } } : null;
  }

  private takeLagMs(): number {
    const late = this.lag.count === 0 ? 0 : this.lag.percentile(LAG_PERCENTILE) / 1e6 - LAG_RESOLUTION_MS;
    this.lag.reset();
    return Math.max(0, Math.round(late));
  }
}

export function judge(figures: Figures, dataDir: string): HealthFinding {
  const details = { ...figures };
  const { disk_free_mb: disk, rss_mb: rss, memory_limit_mb: limit, event_loop_lag_ms: lag } = figures;
  const space = { problem: `Only ${disk} MB are free in ${dataDir}`, suggestion: 'make room on that disk' };
  if (disk < DISK_FAILED_MB) {
    const cause = ComponentError.dependencies('DATA_DIR_UNUSABLE', { details: { path: dataDir, problem: 'ENOSPC' } });
    return { status: 'failed', details, ...space, cause };
  }
  if (disk < DISK_DEGRADED_MB) return { status: 'degraded', details, ...space };
  if (rss > limit * MEMORY_DEGRADED || figures.heap_used_mb > figures.heap_limit_mb * MEMORY_DEGRADED) {
    const problem = `Memory is nearly used up (${rss} of ${limit} MB; heap ${figures.heap_used_mb} of ${figures.heap_limit_mb} MB)`;
    return { status: 'degraded', details, problem, suggestion: 'give this process more memory, or run another one' };
  }
  return lag > LAG_DEGRADED_MS ? { ...lateBy(lag), details } : { status: 'healthy', details };
}

function lateBy(lagMs: number): Extract<HealthFinding, { problem: string }> {
  const suggestion = 'look for code that computes without a pause, or give this process more processor time';
  return { status: 'degraded', problem: `The event loop is ${lagMs} ms late`, suggestion };
}

/** A directory that does not exist yet will be made in the nearest one that does. */
async function freeDiskMb(directory: string): Promise<number> {
  try {
    await access(directory, constants.W_OK);
    await assertTakesData(directory);
    const { bavail, bsize } = await statfs(directory);
    return Math.floor((bavail * bsize) / MEBIBYTE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return freeDiskMb(dirname(directory));
    throw error;
  }
}

/** A quota, a limit of the process or a broken disk shows itself in writing alone. */
async function assertTakesData(directory: string): Promise<void> {
  const file = join(directory, `.health-check-${process.pid}`);
  try {
    await writeFile(file, PROBE);
  } finally {
    await rm(file, { force: true });
  }
}

function memory(): Omit<Figures, 'disk_free_mb' | 'event_loop_lag_ms'> {
  const { heap_size_limit: heapLimit, used_heap_size: heapUsed } = getHeapStatistics();
  const inMb = (bytes: number): number => Math.round(bytes / MEBIBYTE);
  return {
    rss_mb: inMb(process.memoryUsage.rss()),
    // Without a limit of its own a process is told 0, or more than the machine has.
    memory_limit_mb: inMb(Math.min(process.constrainedMemory() || Infinity, totalmem())),
    heap_used_mb: inMb(heapUsed),
    heap_limit_mb: inMb(heapLimit),
  };
}

/** No space, over quota, larger than a file may be. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function unusable(dataDir: string, cause: unknown): HealthFinding {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException;
  const details = { path: dataDir, problem: code };
  return {
    status: 'failed',
    details,
    problem: `${dataDir} cannot be used (${code})`,
    suggestion: FULL.has(code) ? 'make room on that disk' : 'let the user of this process write there, or set DATA_DIR',
    cause: ComponentError.dependencies('DATA_DIR_UNUSABLE', { details, cause }),
  };
}
