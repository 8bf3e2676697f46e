import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { MetricsRegistry } from '../telemetry';
import { ComponentError } from './component-error';
import { FailureArchive } from './failure-archive';
import { FailureMetrics } from './failure-metrics';
import { type FailureGroup, FailureRecordStore, type FailureRecord } from './failure-record';
import { FailureFeed } from './failure-feed';
import { HealthNow } from './health-now';
import { recordOf } from './record';
import { RecordingFailureReporter } from './recording-failure.reporter';
import { FailureSpool } from './spool';
import { newSupportCode } from './support-code';

/** A store in memory that keeps its contract; `answer` lets a spec have it refuse or hang. */
export class MemoryFailureStore extends FailureRecordStore {
  readonly records = new Map<string, FailureRecord>();
  ready = true;
  answer: (records: readonly FailureRecord[]) => Promise<void> = () => Promise.resolve();

  override async save(records: readonly FailureRecord[]): Promise<void> {
    await this.answer(records);
    for (const record of records) {
      const stored = this.records.get(record.support_code);
      const { count, last_at } = record;
      this.records.set(
        record.support_code,
        stored === undefined ? record : { ...stored, count: Math.max(stored.count, count), last_at },
      );
    }
  }

  override async find(supportCode: string): Promise<FailureRecord | null> {
    return this.records.get(supportCode) ?? null;
  }

  override async list(): Promise<FailureRecord[]> {
    return [...this.records.values()];
  }

  override async groups(): Promise<FailureGroup[]> {
    return [];
  }
}

export function aRecord(userId = 'user123'): FailureRecord {
  const error = ComponentError.database('DATABASE_UNAVAILABLE');
  const context = { operation: 'test', user_id: userId };
  return recordOf({ thrown: error, error, context, supportCode: newSupportCode(error.reason), at: new Date() });
}

type LogLine = Record<string, unknown> & { level: string; msg: string };

/** A reporter on a store in memory and a spool in a directory of its own; log lines are kept. */
export class FailureBench {
  readonly lines: LogLine[] = [];
  readonly store = new MemoryFailureStore();
  readonly registry = new MetricsRegistry();
  readonly spool: FailureSpool;
  readonly archive: FailureArchive;
  readonly reporter: RecordingFailureReporter;
  readonly health = new HealthNow();

  constructor(
    readonly directory: string,
    { exposeRootCause = false, maxBytes = 1_000_000 } = {},
  ) {
    const write = (line: string) => this.lines.push(JSON.parse(line) as LogLine);
    const logger = pino({ formatters: { level: (level) => ({ level }) } }, { write });
    const metrics = new FailureMetrics(this.registry);
    this.spool = new FailureSpool(join(directory, 'spool'), maxBytes);
    this.archive = new FailureArchive(this.spool, metrics, logger);
    this.archive.attach(this.store);
    this.reporter = new RecordingFailureReporter(
      this.archive,
      metrics,
      logger,
      { exposeRootCause },
      new FailureFeed(),
      this.health,
    );
  }

  async counted(reason: string): Promise<number> {
    const metric = await this.registry.getSingleMetric('clarion_failures_total')?.get();
    return metric?.values.find(({ labels }) => labels['reason'] === reason)?.value ?? 0;
  }
}

/** A directory of its own for each test of the file, removed afterwards. */
export function temporaryDirectory(): () => string {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'clarion-errors-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  return () => directory;
}
