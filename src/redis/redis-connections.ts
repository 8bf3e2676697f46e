import { Redis, type RedisOptions } from 'ioredis';
import { redisReplyCode, within } from '../errors';
import { redisError } from './redis-error';

export interface RedisConnectionsOptions {
  /** Undefined: a deployment without Redis, in which nothing here may be asked for. */
  readonly url: string | undefined;
  /** How long a command may take, and how long a connection may say nothing before it is replaced. */
  readonly commandTimeoutMs: number;
}

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 500;
const KEEP_ALIVE_MS = 10_000;
const DISCONNECT_MS = 200;

/**
 * The connections of this process to Redis: one for commands, which fails fast while Redis is away, and further ones for who needs their
 * own. All of them come back by themselves, within a second of Redis' return. What a command throws is a ComponentError of code 1007.
 */
export class RedisConnections {
  private commands: Redis | null = null;
  private readonly connections = new Set<Redis>();
  private readonly blocking = new WeakSet<Redis>();
  private state: 'unknown' | 'up' | 'down' = 'unknown';
  private lastCause: unknown = null;
  private closed = false;
  private readonly readyListeners: (() => void)[] = [];
  private readonly downListeners: ((cause: unknown) => void)[] = [];
  private readonly attemptListeners: (() => void)[] = [];

  constructor(private readonly options: RedisConnectionsOptions) {}

  get configured(): boolean {
    return this.options.url !== undefined;
  }

  /** True when Redis is not known to be away. */
  get ready(): boolean {
    return this.state === 'up';
  }

  /** Begins to connect. Resolves when Redis is there, or known to be away: then it is waited for in the background. */
  async open(): Promise<void> {
    if (!this.configured) return;
    const known = Promise.withResolvers<void>();
    const commands = this.connect('commands');
    this.commands = commands;
    commands.on('ready', () => {
      this.markUp();
      known.resolve();
    });
    commands.on('reconnecting', () => this.attemptListeners.forEach((listener) => listener()));
    commands.on('close', () => {
      this.markDown();
      known.resolve();
    });
    await known.promise;
  }

  /**
   * A further connection, such as one for subscriptions; it belongs to the caller, is watched here, and ends with `close` at the latest.
   * It is connecting when it is given, has its `error` listener, and refuses commands while it is not connected.
   * @param name shown in `CLIENT LIST`
   */
  connect(name: string, overrides: RedisOptions = {}): Redis {
    if (this.options.url === undefined) throw new Error('Redis is not configured');
    const redis = new Redis(this.options.url, {
      connectionName: `clarion-${name}`,
      connectTimeout: this.options.commandTimeoutMs,
      keepAlive: KEEP_ALIVE_MS,
      disconnectTimeout: DISCONNECT_MS,
      retryStrategy: (times) => Math.min(times * FIRST_RETRY_MS, LAST_RETRY_MS),
      // After a failover the address leads to another server.
      reconnectOnError: (error) => redisReplyCode(error) === 'READONLY',
      maxLoadingRetryTime: LAST_RETRY_MS,
      enableOfflineQueue: false,
      // What was under way when a connection broke is answered at once, never sent again later.
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      ...overrides,
    });
    this.watch(redis);
    return redis;
  }

  /** A connection like that of `connect` for commands that wait: it is not asked for a sign of life, whoever waits notices. */
  connectBlocking(name: string): Redis {
    const redis = this.connect(name);
    this.blocking.add(redis);
    return redis;
  }

  /** Ends a connection that `connect` gave. */
  disconnect(redis: Redis): void {
    this.connections.delete(redis);
    redis.disconnect();
    // Of one that is between two attempts ioredis says nothing, and whoever waits for it would wait for ever.
    if (redis.status === 'reconnecting') redis.emit('end');
  }

  /**
   * Runs commands on the shared connection.
   * @throws ComponentError REDIS_UNAVAILABLE at once while Redis is away, REDIS_TIMEOUT, or what the reply's code says
   */
  async command<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const { commands } = this;
    if (commands === null || !this.ready) throw redisError(this.lastCause);
    try {
      return await within(this.options.commandTimeoutMs, work(commands));
    } catch (error) {
      throw redisError(error);
    }
  }

  /** Calls `listener` when Redis is there, now or later, and again after every outage. It must not throw. */
  onReady(listener: () => void): void {
    this.readyListeners.push(listener);
    if (this.ready) listener();
  }

  /** Calls `listener` once at the beginning of every outage. It must not throw. */
  onDown(listener: (cause: unknown) => void): void {
    this.downListeners.push(listener);
  }

  /** Calls `listener` whenever Redis, which is away, is about to be tried again. It must not throw. */
  onAttempt(listener: () => void): void {
    this.attemptListeners.push(listener);
  }

  /** Asks every connection for a sign of life, and replaces those that give none; to be called once a second. */
  async check(): Promise<void> {
    await Promise.all([...this.connections].map((redis) => this.probe(redis)));
  }

  /** Ends every connection, the one for commands last. */
  close(): void {
    this.closed = true;
    for (const redis of [...this.connections].reverse()) this.disconnect(redis);
  }

  private watch(redis: Redis): void {
    this.connections.add(redis);
    redis.on('error', (error) => (this.lastCause = error));
    // A frozen server takes connections, and then says nothing.
    let handshake: NodeJS.Timeout | undefined;
    redis.on('connect', () => (handshake = setTimeout(() => redis.stream.destroy(), this.options.commandTimeoutMs)));
    redis.on('ready', () => clearTimeout(handshake));
    redis.on('close', () => clearTimeout(handshake));
    redis.on('end', () => this.connections.delete(redis));
  }

  private async probe(redis: Redis): Promise<void> {
    if (redis.status !== 'ready' || this.blocking.has(redis)) return;
    const [answer] = await Promise.allSettled([within(this.options.commandTimeoutMs, redis.ping())]);
    if (answer.status === 'fulfilled' || redis.status !== 'ready') return;
    this.lastCause = answer.reason;
    // Ending it in order would wait for the other side.
    redis.stream.destroy();
  }

  private markUp(): void {
    if (this.closed) return;
    this.state = 'up';
    for (const listener of this.readyListeners) listener();
  }

  private markDown(): void {
    if (this.closed || this.state === 'down') return;
    this.state = 'down';
    for (const listener of this.downListeners) listener(this.lastCause);
  }
}
