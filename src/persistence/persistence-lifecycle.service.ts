import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config';
import { classify, ComponentError, FailureReporter } from '../errors';
import { Database } from './database';
import { EmbeddedPostgres, EmbeddedPostgresError } from './embedded';
import { hasPendingMigrations, migrate } from './migrate';

const RETRY_MS = 300;

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
  private url = '';

  constructor(
    private readonly config: AppConfig,
    private readonly database: Database,
    private readonly reporter: FailureReporter,
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
    this.database.connect(this.url);
    if (!(await this.bringUp())) this.background = this.keepTrying(onFatal);
    this.database.onReady(() => void this.relock(onFatal));
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.background;
    await this.database.close();
    await this.embedded?.stop();
  }

  private async startEmbedded(): Promise<string> {
    this.embedded = new EmbeddedPostgres({
      dataDir: this.config.server.dataDir,
      log: (level, message, fields) => this.logger[level === 'info' ? 'log' : level](fields, message),
      onDown: (error) => void this.reportDown(error),
    });
    const started = await Promise.allSettled([this.embedded.start()]);
    const [result] = started;
    if (result.status === 'fulfilled') return result.value.url;
    throw translated(result.reason);
  }

  /** False when the database is away. */
  private async bringUp(): Promise<boolean> {
    try {
      await this.database.query('SELECT 1');
      await this.lock();
      await this.migrate();
    } catch (error) {
      const classified = classify(error, 'Database');
      if (classified.definition.code === 1005 && classified.definition.retryable) return false;
      throw classified;
    }
    this.database.markOpened();
    return true;
  }

  private async lock(): Promise<void> {
    if (!(await this.database.acquireExclusive(this.url))) throw ComponentError.dependencies('ANOTHER_PROCESS_RUNNING');
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

  /** After an outage the lock's connection is gone too. */
  private async relock(onFatal: (error: unknown) => void): Promise<void> {
    try {
      if (!this.stopping.signal.aborted) await this.lock();
    } catch (error) {
      const { cause } = await this.reporter.report(error, { operation: 'persistence.relock' });
      if (!cause.definition.retryable) onFatal(cause);
    }
  }

  private async reportDown(cause: unknown): Promise<void> {
    const error = cause instanceof ComponentError ? cause : ComponentError.database('DATABASE_UNAVAILABLE', { cause });
    await this.reporter.report(error, { operation: 'database.probe' });
  }
}

function translated(error: unknown): unknown {
  if (!(error instanceof EmbeddedPostgresError)) return error;
  const options = { cause: error, details: error.details };
  return error.reason === 'EMBEDDED_POSTGRES_FAILED'
    ? ComponentError.database(error.reason, options)
    : ComponentError.dependencies(error.reason, options);
}
