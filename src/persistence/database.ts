import { setImmediate as turn } from 'node:timers/promises';
import { Client, DatabaseError, Pool, types, type PoolClient, type QueryResult } from 'pg';
import { ComponentError } from '../errors';
import { connectionError, isConnectionFailure, isFull, unavailable } from './connection-errors';
import { DISK_FULL } from './embedded';
import { endClient } from './end-client';
import { OpenTransaction } from './open-transaction';
import { commitUnanswered } from './outage';
import { ProcessLock } from './process-lock';
import { plannedAnew, preparedName, type Sql, type Transaction } from './sql';

/** How to reach PostgreSQL. Times in milliseconds. */
export interface DatabaseOptions {
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  /** Other processes may work on the database too; default no. */
  readonly shared?: boolean;
}

const PROBE_INTERVAL_MS = 200;
const SERVER_FIRST_MS = 200;
/** Parts of `connectTimeoutMs`, together at most that: two silences of the one, of which the first may begin late, and a probe of the other. */
const SUSPECT_AFTER = 1 / 4;
const PROBE_LIMIT = 1 / 2;
/** An idle connection is worth keeping: to open one takes a dozen turns of the event loop, and most of what a short statement costs. */
const KEEP_IDLE_MS = 60_000;

// int8 columns hold sequence numbers, which stay far below 2^53.
types.setTypeParser(types.builtins.INT8, Number);

type Listener = () => void;

/**
 * The one connection pool for our own statements. It fails fast while PostgreSQL is known to be away and comes back by itself.
 * Driver errors keep their SQLSTATE; whatever else a connection throws becomes DATABASE_UNAVAILABLE.
 */
export class Database implements Sql {
  private pool: Pool | null = null;
  private url = '';
  private lastCause: unknown = null;
  /** Statements that the server has answered so far. */
  private answered = 0;
  private up = false;
  /** Aborted when the database is found to be away: whatever waits for its answer then gives up. */
  private outage = new AbortController();
  private opened = false;
  private closed = false;
  private outOfRoom = false;
  private explained: () => ComponentError | null = () => null;
  private probing: Promise<void> | null = null;
  private readonly readyListeners: Listener[] = [];
  private readonly downListeners: ((cause: unknown) => void)[] = [];
  private readonly attemptListeners: ((succeeded: boolean) => void)[] = [];
  private readonly processLock: ProcessLock;

  constructor(private readonly options: DatabaseOptions) {
    this.processLock = new ProcessLock(options.connectTimeoutMs, options.shared);
  }

  /** True when the schema is in place and the database is not known to be away. */
  get ready(): boolean {
    return this.opened && this.up;
  }

  /** True while the process lock is held, and not shared: no other process works on this database. */
  get exclusive(): boolean {
    return this.processLock.held && this.options.shared !== true;
  }

  /** A statement was refused for want of disk, and nobody has found room since. */
  get full(): boolean {
    return this.outOfRoom;
  }

  /** Why nothing is written now, as far as this process knows; null while it is. */
  get refusal(): ComponentError | null {
    if (!this.up) return this.explained() ?? unavailable(this.lastCause);
    return this.outOfRoom ? ComponentError.database('DATABASE_DISK_FULL') : null;
  }

  /** A statement that needs room was taken. */
  roomFound(): void {
    this.outOfRoom = false;
  }

  /** Who knows why the server is away says so to everybody who asks for it; null: nothing is known. Each failure is an error of its own. */
  explainOutages(why: () => ComponentError | null): void {
    this.explained = why;
  }

  /** Connections in use and the limit, for the health report. */
  get load(): { active: number; waiting: number; limit: number } {
    const { totalCount = 0, idleCount = 0, waitingCount = 0 } = this.pool ?? {};
    return { active: totalCount - idleCount, waiting: waitingCount, limit: this.options.poolSize };
  }

  /**
   * Takes the process lock, or proves that it is still held; false when another process keeps it from us.
   * @throws ComponentError DATABASE_UNAVAILABLE, or what PostgreSQL says
   */
  async acquireProcessLock(url: string): Promise<boolean> {
    try {
      return await this.processLock.acquire(url);
    } catch (error) {
      throw connectionError(error, this.options);
    }
  }

  /** Points the pool at a database; statements work from now on, `ready` only after `markOpened`. */
  connect(url: string): void {
    this.url = url;
    this.pool = this.createPool();
    this.up = true;
  }

  /** The schema is migrated: tells everyone who waits for it. */
  markOpened(): void {
    this.opened = true;
    this.notifyReady();
  }

  /** Calls `listener` when the database is ready, now or later, and again after every outage. It must not throw. */
  onReady(listener: Listener): void {
    this.readyListeners.push(listener);
    if (this.ready) listener();
  }

  /** Calls `listener` once at the beginning of every outage. It must not throw. */
  onDown(listener: (cause: unknown) => void): void {
    this.downListeners.push(listener);
  }

  /** Calls `listener` after every attempt to find a database again that is away. It must not throw. */
  onAttempt(listener: (succeeded: boolean) => void): void {
    this.attemptListeners.push(listener);
  }

  async query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.withClient((client) => this.run<Row>(client, text, values));
  }

  /**
   * Commits what `work` did, or nothing of it. A statement that failed fails the whole, also where `work` went on without it. Of what fails with an
   * `outcomeUnknown` nobody knows whether it was committed.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    let open: OpenTransaction | undefined;
    const ending = this.withClient((client) => {
      open = new OpenTransaction((...statement) => this.send(client, ...statement));
      return open.run(work);
    });
    const [end] = await Promise.allSettled([ending]);
    if (end.status === 'rejected')
      throw open?.committing && isConnectionFailure(end.reason) ? commitUnanswered(end.reason) : end.reason;
    open?.tellCommitted();
    return end.value;
  }

  /** Several reads of one and the same state of the database. */
  snapshot<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.withClient(async (client) => {
      await this.run(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const value = await work({ query: (text, values = []) => this.run(client, text, values) });
      await this.run(client, 'COMMIT');
      return value;
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.probing;
    await this.processLock.release();
    // A server that is away does not confirm the end of a connection.
    if (this.up) await this.pool?.end();
  }

  private createPool(): Pool {
    const { poolSize, connectTimeoutMs, statementTimeoutMs } = this.options;
    const pool = new Pool({
      connectionString: plannedAnew(this.url),
      max: poolSize,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: KEEP_IDLE_MS,
      statement_timeout: statementTimeoutMs,
      query_timeout: this.answerLimitMs,
      idle_in_transaction_session_timeout: 10_000,
      keepAlive: true,
      // Statements that wait for no other's answer go together.
      pipeline: true,
      application_name: 'clarion',
    });
    pool.on('error', (error) => this.suspect(error));
    pool.on('connect', (client) => client.on('error', (error) => this.suspect(error)));
    return pool;
  }

  private async run<Row>(client: PoolClient, text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.send(client, text, values)).rows as Row[];
  }

  /** @param behind so many statements that were not answered yet, each of which may take its time */
  private async send(
    client: PoolClient,
    text: string,
    values: readonly unknown[] = [],
    behind = 0,
  ): Promise<QueryResult> {
    const query_timeout = (behind + 1) * this.answerLimitMs;
    const query = { name: preparedName(text), text, values: values as unknown[], query_timeout };
    const [answer] = await Promise.allSettled([client.query(query)]);
    if (answer.status === 'fulfilled' || answer.reason instanceof DatabaseError) this.answered += 1;
    if (answer.status === 'fulfilled') return answer.value;
    if (answer.reason instanceof DatabaseError && answer.reason.code === DISK_FULL) this.outOfRoom = true;
    throw connectionError(answer.reason);
  }

  /** For a server that does not answer at all; one that does gets to say 57014 first. */
  private get answerLimitMs(): number {
    return this.options.statementTimeoutMs + SERVER_FIRST_MS;
  }

  private async withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const slow = this.watchSilence();
    const { signal } = this.outage;
    try {
      const client = await this.acquire(signal);
      return await this.useClient(client, () => untilAway(signal, work(client)));
    } finally {
      clearInterval(slow);
    }
  }

  /** A slow statement is no sign of an outage while others are answered. */
  private watchSilence(): NodeJS.Timeout {
    let before = this.answered;
    return setInterval(() => {
      if (this.answered === before) this.suspect(null);
      before = this.answered;
    }, this.options.connectTimeoutMs * SUSPECT_AFTER);
  }

  private async useClient<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
    let broken = true;
    try {
      const result = await work();
      broken = false;
      return result;
    } catch (error) {
      broken = !(await rolledBack(client, error));
      if (isConnectionFailure(error)) this.suspect(error);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  private async acquire(outage: AbortSignal): Promise<PoolClient> {
    const { pool } = this;
    if (pool === null || !this.up) throw this.explained() ?? unavailable(this.lastCause, this.options);
    const connecting = pool.connect();
    try {
      return await untilAway(outage, connecting);
    } catch (error) {
      void releaseLate(connecting);
      if (outage.aborted) throw error;
      if (pool.totalCount - pool.idleCount >= this.options.poolSize) {
        throw ComponentError.database('DATABASE_CAPACITY', { cause: error, details: { ...this.load } });
      }
      this.suspect(error);
      throw connectionError(error, this.options);
    }
  }

  /** Something broke on a connection, or nothing is answered: find out whether the database is away, and if so, when it returns. */
  private suspect(cause: unknown): void {
    if (this.closed || this.probing !== null) return;
    this.probing = this.probe(cause).finally(() => (this.probing = null));
  }

  private async probe(cause: unknown): Promise<void> {
    const wasUp = this.up;
    while (!this.closed && !(await this.answers())) {
      if (this.up) this.declareAway(cause ?? this.lastCause);
      else this.tellAttempt(false);
      await new Promise((resolve) => setTimeout(resolve, PROBE_INTERVAL_MS));
    }
    if (this.closed) return;
    const returned = wasUp && !this.up;
    if (returned) this.tellAttempt(true);
    this.up = true;
    if (returned && this.opened) this.notifyReady();
  }

  /** Gives up what is under way, and connections that may be dead without having said so. */
  private declareAway(cause: unknown): void {
    this.up = false;
    const { outage, pool } = this;
    this.outage = new AbortController();
    this.pool = this.createPool();
    outage.abort(cause);
    void pool?.end();
    for (const listener of this.downListeners) listener(cause);
  }

  /**
   * Asks on a connection of its own: a pool that is merely full is no outage. Nor is a connection that does not come about in time while statements
   * are answered: it takes a process that is short of processor time many times longer than a statement does. Nobody waits for the end of an outage.
   */
  private async answers(): Promise<boolean> {
    const before = this.answered;
    const connectionTimeoutMillis = this.options.connectTimeoutMs * (this.up ? PROBE_LIMIT : 1);
    const client = new Client({ connectionString: this.url, connectionTimeoutMillis });
    client.on('error', (error) => (this.lastCause = error));
    try {
      // Only a server that works gets as far as taking a session.
      await client.connect();
      return true;
    } catch (error) {
      this.lastCause = error;
      return isFull(error) || (await this.answeredMore(before));
    } finally {
      void endClient(client);
    }
  }

  /** A process that stood still has answers that it has not read yet. */
  private async answeredMore(before: number): Promise<boolean> {
    await turn();
    return this.answered > before;
  }

  private tellAttempt(succeeded: boolean): void {
    for (const listener of this.attemptListeners) listener(succeeded);
  }

  private notifyReady(): void {
    for (const listener of this.readyListeners) listener();
  }
}

/** Ends a failed transaction; false when the connection is of no more use. */
async function rolledBack(client: PoolClient, error: unknown): Promise<boolean> {
  if (isConnectionFailure(error)) return false;
  const rollback = await Promise.allSettled([client.query('ROLLBACK')]);
  return rollback[0].status === 'fulfilled';
}

/** What `work` gives, or DATABASE_UNAVAILABLE as soon as the outage is declared; what the work comes to later is not looked at. */
async function untilAway<T>(outage: AbortSignal, work: Promise<T>): Promise<T> {
  const away = Promise.withResolvers<never>();
  const onAbort = (): void => away.reject(unavailable(outage.reason));
  if (outage.aborted) onAbort();
  else outage.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, away.promise]);
  } finally {
    outage.removeEventListener('abort', onAbort);
  }
}

/** A connection that comes when nobody waits for it any more goes back. */
async function releaseLate(connecting: Promise<PoolClient>): Promise<void> {
  const [late] = await Promise.allSettled([connecting]);
  if (late.status === 'fulfilled') late.value.release(true);
}
