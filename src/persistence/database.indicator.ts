import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { classify, ComponentError } from '../errors';
import { CallHistory, type HealthFinding, HealthIndicator } from '../telemetry';
import { Database } from './database';
import { PersistenceLifecycle } from './persistence-lifecycle.service';

/** A statement that waits so long for a connection stands for an overrun pool; a burst of statements alone does not. */
const PRESSED_MS = 300;
/** Takes pages that no file has yet, and gives them back. */
const TAKE_ROOM = 'CREATE TEMP TABLE clarion_room ON COMMIT DROP AS SELECT n FROM generate_series(1, 10000) AS n';
const READ_ONLY = `SELECT current_setting('transaction_read_only') AS read_only`;

/** PostgreSQL answers a statement through the pool, takes writes, has room for them, its schema is in place, and the pool is not overrun. */
@Injectable()
export class DatabaseIndicator extends HealthIndicator {
  override readonly component = 'database';
  /** What comes and goes may be there whenever somebody looks. */
  private readonly outages = new CallHistory<unknown>();

  constructor(
    private readonly database: Database,
    private readonly lifecycle: PersistenceLifecycle,
    private readonly config: AppConfig,
  ) {
    super();
    database.onDown((cause) => this.outages.failed(cause));
    database.onReady(() => this.outages.succeeded());
  }

  override async check(): Promise<HealthFinding> {
    const began = performance.now();
    try {
      const [state] = await this.database.query<{ read_only: string }>(READ_ONLY);
      if (state?.read_only === 'on') return this.away(ComponentError.database('DATABASE_READ_ONLY'));
      if (this.database.full) await this.findRoom();
    } catch (error) {
      return this.away(classify(error, 'Database'));
    }
    return this.judge(Math.round(performance.now() - began));
  }

  override unanswered(): HealthFinding {
    return this.away(ComponentError.database('DATABASE_TIMEOUT'));
  }

  /** What it reads, and rows that fit where others were, says nothing about a disk that refused a statement. */
  private async findRoom(): Promise<void> {
    await this.database.transaction((tx) => tx.query(TAKE_ROOM));
    this.database.roomFound();
  }

  private judge(roundTripMs: number): HealthFinding {
    const { active, waiting, limit } = this.database.load;
    const pool = { active, waiting, limit };
    const details = { server: this.server, embedded: this.embedded, round_trip_ms: roundTripMs, pool };
    if (!this.database.ready) {
      const cause = ComponentError.database('DATABASE_SCHEMA_OUTDATED');
      const suggestion = 'wait for the migrations, or run them: npm run migrate';
      return { status: 'failed', details, problem: 'The schema is not in place yet', suggestion, cause };
    }
    const { trouble } = this.outages;
    if (trouble !== null) {
      const cause = ComponentError.database('DATABASE_UNAVAILABLE', { cause: trouble.cause });
      const problem = `PostgreSQL comes and goes at ${this.server ?? 'its address'}: it was away ${trouble.failures} times within half a minute`;
      return { status: 'degraded', details, problem, suggestion: 'check its log, and the network between', cause };
    }
    if (waiting < limit || roundTripMs < PRESSED_MS) return { status: 'healthy', details };
    const problem = `${waiting} statements wait for one of ${limit} connections`;
    const cause = ComponentError.database('DATABASE_CAPACITY', { details: pool });
    return { status: 'degraded', details, problem, suggestion: 'raise DATABASE_POOL_SIZE', cause };
  }

  private away(cause: ComponentError): HealthFinding {
    const { problem, suggestion } = this.explain(cause);
    const details = { server: this.server, embedded: this.embedded, pool: this.database.load };
    return { status: 'failed', details, problem: `PostgreSQL ${problem}`, suggestion, cause };
  }

  private explain(error: ComponentError): { problem: string; suggestion: string } {
    const at = this.server ?? 'its address';
    const suggestion = this.embedded
      ? 'it is started again by itself; the log says why it ended'
      : 'check that it runs';
    if (error.reason === 'DATABASE_CAPACITY') {
      return { problem: 'has no connection left', suggestion: 'raise DATABASE_POOL_SIZE, or max_connections there' };
    }
    if (error.reason === 'DATABASE_DISK_FULL') {
      const { dataDirectory } = this.lifecycle;
      const problem = `has no room left on its disk (${dataDirectory ?? at})`;
      return { problem, suggestion: `make room on the disk of ${dataDirectory ?? 'PostgreSQL'}; it goes on by itself` };
    }
    if (error.reason === 'DATABASE_READ_ONLY') {
      return { problem: `takes no writes at ${at}`, suggestion: 'let DATABASE_URL name the primary' };
    }
    if (error.reason === 'DATABASE_TIMEOUT') return { problem: `does not answer at ${at}`, suggestion };
    switch (driverCode(error)) {
      case undefined:
        return { problem: `cannot be reached at ${at}`, suggestion };
      case 'ECONNREFUSED':
        return { problem: `refuses connections at ${at}`, suggestion };
      case 'ENOTFOUND':
      case 'EAI_AGAIN':
        return { problem: `has no address: ${at} is not known`, suggestion: 'check the host in DATABASE_URL' };
      case '28P01':
      case '28000':
        return { problem: `refuses our user at ${at}`, suggestion: 'check user and password in DATABASE_URL' };
      case '3D000':
        return { problem: `has no such database at ${at}`, suggestion: 'create it, or correct DATABASE_URL' };
      case '57P03':
        return { problem: `is starting or stopping at ${at}`, suggestion: 'wait a moment' };
      default:
        return { problem: `fails at ${at} (${driverCode(error)})`, suggestion };
    }
  }

  private get embedded(): boolean {
    return this.config.persistence.databaseUrl === undefined;
  }

  /** Host and port without credentials; null before there is an address. */
  private get server(): string | null {
    const url = this.lifecycle.connectionUrl;
    if (url === '') return null;
    const { hostname, port } = new URL(url);
    return `${hostname}:${port === '' ? '5432' : port}`;
  }
}

/** The code that the driver or the system gave, along the chain of causes. */
function driverCode(error: unknown): string | undefined {
  let at = error;
  while (typeof at === 'object' && at !== null) {
    const { code, cause } = at as { code?: unknown; cause?: unknown };
    if (typeof code === 'string') return code;
    at = cause;
  }
  return undefined;
}
