import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config';
import { classify, ComponentError, FailureReporter, PeriodicLoop } from '../errors';
import { Repairs } from '../telemetry';
import { Database } from './database';
import { DISK_FULL, EmbeddedPostgres, EmbeddedPostgresError } from './embedded';
import { hasPendingMigrations, migrate } from './migrate';

const RETRY_MS = 300;
const WATCH_LOCK_MS = 2_000;

/**
 * Brings the database up: embedded server, connection, process lock, migrations. A database that is merely away is waited for in the
 * background, while everything answers with 1005; what waiting cannot mend ends the start.
 */
@Injectable()
export class PersistenceLifecycle {
  private readonly logger = new Logger(PersistenceLifecycle.name);
  private readonly stopping = new AbortController();
  private embedded: EmbeddedPostgres | null = null;
  private background: Promise<void> | null = null;
  private watch: PeriodicLoop | null = null;
  private url = '';
  private waitingFor: string | null = null;
  /** Where the embedded server keeps its data; null without one. */
  dataDirectory: string | null = null;

  constructor(
    private readonly config: AppConfig,
    private readonly database: Database,
    private readonly reporter: FailureReporter,
    private readonly repairs: Repairs,
  ) {}

  /** The database's URL with its password; for the rooms that open connections of their own. */
  get connectionUrl(): string {
    return this.url;
  }

  /**
   * Resolves when the database is up, or known to be away. `onFatal` hears of what shows itself only later and cannot be waited for.
   * @throws ComponentError that ends the start
   */
  async open(onFatal: (error: unknown) => void): Promise<void> {
    this.url = this.config.persistence.databaseUrl ?? (await this.startEmbedded());
    this.database.onDown((cause) => void this.reportDown(cause));
    this.database.onAttempt((succeeded) => this.repairs.attempted('database', 'reconnect', succeeded));
    this.database.explainOutages(() => diskFullIn(this.embedded?.trouble));
    this.database.connect(this.url);
    if (!(await this.bringUp())) this.background = this.keepTrying(onFatal);
    const watch = new PeriodicLoop({
      name: 'persistence.lock',
      everyMs: WATCH_LOCK_MS,
      work: () => this.relock(onFatal),
      reporter: this.reporter,
      component: 'Database',
    });
    this.watch = watch;
    watch.start();
    this.database.onReady(() => void watch.trigger());
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.background;
    await this.watch?.stop();
    await this.database.close();
    await this.embedded?.stop();
  }

  private async startEmbedded(): Promise<string> {
    this.embedded = new EmbeddedPostgres({
      dataDir: this.config.server.dataDir,
      log: (level, message, fields) => this.logger[level === 'info' ? 'log' : level](fields, message),
      onDown: (error) => void this.reportDown(error),
      onUp: () => this.repairs.attempted('database', 'restart_server', true),
    });
    const started = await Promise.allSettled([this.embedded.start()]);
    const [result] = started;
    if (result.status === 'fulfilled') {
      this.dataDirectory = result.value.directory;
      return result.value.url;
    }
    throw translated(result.reason);
  }

  /** False when the database is away. @throws ComponentError for what waiting cannot mend */
  private async bringUp(): Promise<boolean> {
    try {
      await this.database.query('SELECT 1');
      await this.assertDurable();
      await this.lock();
      await this.migrate();
    } catch (error) {
      const classified = classify(error, 'Database');
      if (!isWaitedFor(classified)) throw classified;
      await this.reportWaiting(classified);
      return false;
    }
    this.database.markOpened();
    return true;
  }

  /** That the database is away was said by `onDown`; whatever else is waited for is said once. */
  private async reportWaiting(error: ComponentError): Promise<void> {
    if (error.reason === 'DATABASE_UNAVAILABLE' || error.reason === this.waitingFor) return;
    this.waitingFor = error.reason;
    await this.reporter.report(error, { operation: 'persistence.open' });
  }

  /** What is acknowledged has to survive a crash of PostgreSQL (PROTOCOL.md, G1). */
  private async assertDurable(): Promise<void> {
    const [row] = await this.database.query<{ synchronous_commit: string }>('SHOW synchronous_commit');
    if (row?.synchronous_commit !== 'off') return;
    throw ComponentError.database('DATABASE_NOT_DURABLE', { details: { setting: 'synchronous_commit' } });
  }

  private async lock(): Promise<void> {
    if (!(await this.database.acquireProcessLock(this.url)))
      throw ComponentError.dependencies('ANOTHER_PROCESS_RUNNING');
  }

  private async migrate(): Promise<void> {
    if (this.config.persistence.migrateOnStart) {
      const applied = await migrate(this.url);
      if (applied.length > 0) this.logger.log({ migrations: applied }, 'Applied migrations');
    } else if (await hasPendingMigrations(this.url)) {
      throw ComponentError.database('DATABASE_SCHEMA_OUTDATED');
    }
  }

  private async keepTrying(onFatal: (error: unknown) => void): Promise<void> {
    const { signal } = this.stopping;
    try {
      while (!signal.aborted && !(await this.bringUp())) {
        await Promise.allSettled([delay(RETRY_MS, undefined, { signal })]);
      }
    } catch (error) {
      await this.reporter.report(error, { operation: 'persistence.open' });
      onFatal(error);
    }
  }

  /** The lock's connection can be lost alone, and is lost in every outage; until it is held again another process could begin. */
  private async relock(onFatal: (error: unknown) => void): Promise<void> {
    if (this.stopping.signal.aborted || !this.database.ready) return;
    try {
      await this.lock();
    } catch (error) {
      if (!classify(error, 'Database').definition.retryable) onFatal(error);
      throw error;
    }
  }

  private async reportDown(cause: unknown): Promise<void> {
    const known = cause instanceof ComponentError ? cause : diskFullIn(cause);
    const error = known ?? ComponentError.database('DATABASE_UNAVAILABLE', { cause });
    await this.reporter.report(error, { operation: 'database.probe' });
  }
}

/** Pending migrations do not apply themselves: they end the start, although a client may try again. What has no SQLSTATE is the connection's. */
function isWaitedFor({ definition, reason, details }: ComponentError): boolean {
  if (definition.code !== 1005 || reason === 'DATABASE_SCHEMA_OUTDATED') return false;
  return definition.retryable || (reason === 'DATABASE_QUERY_FAILED' && details['sqlstate'] === undefined);
}

/** Null for a server that ended for another reason. */
function diskFullIn(error: unknown): ComponentError | null {
  if (!(error instanceof EmbeddedPostgresError) || error.details['sqlstate'] !== DISK_FULL) return null;
  return ComponentError.database('DATABASE_DISK_FULL', { cause: error, details: error.details });
}

function translated(error: unknown): unknown {
  if (!(error instanceof EmbeddedPostgresError)) return error;
  const full = diskFullIn(error);
  if (full !== null) return full;
  const options = { cause: error, details: error.details };
  return error.reason === 'EMBEDDED_POSTGRES_FAILED'
    ? ComponentError.database(error.reason, options)
    : ComponentError.dependencies(error.reason, options);
}
