import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChainableCommander, Redis } from 'ioredis';
import { ComponentError, redisReplyCode, within, type FailureReporter } from '../errors';
import { executePipeline, redisError, type RedisConnections } from '../redis';
import type { InProcessBus } from './in-process-bus';
import { UserBus, type UserSignal, type UserSignalListener, type UserSubscription } from './user-bus';

/** How long whoever subscribes waits for Redis; where it takes longer, a doubt makes good what was missed. */
const JOIN_MS = 500;
/** Less than a check of health may take. */
const ECHO_MS = 600;
const ECHO_AGAIN_MS = 100;
const ORIGIN_BYTES = 8;
const MOST_UNDER_WAY = 16 * 1024 * 1024;
const DOUBT: UserSignal = { kind: 'doubt' };

interface RedisBusOptions {
  /** What may be on its way to Redis; beyond that signals are dropped. */
  readonly mostUnderWay?: number;
  /** Told whenever the channels were joined again on a new connection, or could not be. */
  readonly onRejoin?: (succeeded: boolean) => void;
}

/**
 * The bus between processes: a channel of sharded Pub/Sub for each user with a listener somewhere. Within the process signals go from hand
 * to hand; to the others in one message for each user and turn of the event loop. Whatever may have been lost on the way leaves a doubt.
 */
export class RedisBus extends UserBus {
  /** Begins every message, so that a process knows its own. */
  private readonly origin = randomBytes(ORIGIN_BYTES).toString('hex');
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private readonly prefix: string;
  /** Every process listens to it; what comes there is a doubt about everything. */
  private readonly everybody: string;
  /** This process alone listens to it. */
  private readonly own: string;
  private readonly echoes = new Set<() => void>();
  private readonly mostUnderWay: number;
  private readonly joining = new Map<string, Promise<void>>();
  private pending = new Map<string, UserSignal[]>();
  private underWay = 0;
  private losing = false;
  private refused = false;
  private joined = false;

  constructor(
    private readonly local: InProcessBus,
    private readonly redis: RedisConnections,
    private readonly reporter: FailureReporter,
    private readonly options: RedisBusOptions = {},
  ) {
    super();
    this.mostUnderWay = options.mostUnderWay ?? MOST_UNDER_WAY;
    this.publisher = redis.connect('bus-publish');
    this.subscriber = redis.connect('bus-subscribe', { autoResubscribe: false });
    // The databases of one server share their channels.
    const database = this.subscriber.options.db ?? 0;
    this.prefix = `clarion:${database}:user:`;
    this.everybody = `clarion:${database}:everybody`;
    this.own = `clarion:${database}:echo:${this.origin}`;
    this.publisher.on('ready', () => void this.tellOfLoss());
    this.subscriber.on('ready', () => void this.joinAll());
    this.subscriber.on('smessage', (channel: string, message: string) => this.receive(channel, message));
  }

  override publish(userId: string, signal: UserSignal): void {
    this.local.publish(userId, signal);
    if (this.publisher.status !== 'ready') {
      this.losing = true;
      return;
    }
    if (this.pending.size === 0) setImmediate(() => this.flush());
    const signals = this.pending.get(userId);
    if (signals) signals.push(signal);
    else this.pending.set(userId, [signal]);
  }

  /** Redis carries out the commands of a connection in order: a channel may be joined again as soon as it is left. */
  override subscribe(userId: string, listener: UserSignalListener): UserSubscription {
    const first = !this.local.hears(userId);
    const local = this.local.subscribe(userId, listener);
    let ended = false;
    return {
      ready: first ? this.join(userId) : (this.joining.get(userId) ?? local.ready),
      end: () => {
        if (ended) return;
        ended = true;
        local.end();
        if (!this.local.hears(userId)) this.leave(userId);
      },
    };
  }

  /** Called again and again until it is heard: a connection may be on its way back, or about to subscribe. */
  override async echo(): Promise<void> {
    if (!this.redis.ready) return;
    const heard = Promise.withResolvers<void>();
    const call = (): void => {
      if (this.publisher.status === 'ready') void this.done(this.publisher.spublish(this.own, ''));
    };
    this.echoes.add(heard.resolve);
    const calling = setInterval(call, ECHO_AGAIN_MS);
    call();
    try {
      await within(ECHO_MS, heard.promise);
    } catch (error) {
      throw redisError(error);
    } finally {
      clearInterval(calling);
      this.echoes.delete(heard.resolve);
    }
  }

  private join(userId: string): Promise<void> {
    if (this.subscriber.status !== 'ready') return Promise.resolve();
    const asked = performance.now();
    const joined = this.done(this.subscriber.ssubscribe(this.prefix + userId)).then(() => {
      if (this.joining.get(userId) === ready) this.joining.delete(userId);
      if (performance.now() - asked >= JOIN_MS) this.local.publish(userId, DOUBT);
    });
    const ready = Promise.race([joined, delay(JOIN_MS, undefined, { ref: false })]);
    this.joining.set(userId, ready);
    return ready;
  }

  private leave(userId: string): void {
    if (this.subscriber.status === 'ready') void this.done(this.subscriber.sunsubscribe(this.prefix + userId));
  }

  /** On a new connection: nobody knows what was published before it. */
  private async joinAll(): Promise<void> {
    this.refused = false;
    const channels = [this.everybody, this.own, ...this.local.users.map((userId) => this.prefix + userId)];
    const joined = await Promise.all(channels.map((channel) => this.done(this.subscriber.ssubscribe(channel))));
    if (this.joined) this.options.onRejoin?.(joined.every(Boolean));
    this.joined = true;
    this.doubtAll();
  }

  private doubtAll(): void {
    for (const userId of this.local.users) this.local.publish(userId, DOUBT);
  }

  private receive(channel: string, message: string): void {
    if (channel === this.own) return this.echoes.forEach((heard) => heard());
    if (message.startsWith(this.origin)) return;
    if (channel === this.everybody) return this.doubtAll();
    const userId = channel.slice(this.prefix.length);
    try {
      const signals = JSON.parse(message.slice(this.origin.length)) as UserSignal[];
      for (const signal of signals) this.local.publish(userId, signal);
    } catch (error) {
      void this.reporter.report(error, { operation: 'bus.receive', user_id: userId });
    }
  }

  private flush(): void {
    const { pending } = this;
    this.pending = new Map();
    const pipeline = this.publisher.pipeline();
    let size = 0;
    for (const [userId, signals] of pending) {
      if (this.underWay + size > this.mostUnderWay) {
        this.drop();
        break;
      }
      const message = this.origin + JSON.stringify(signals);
      size += message.length;
      pipeline.spublish(this.prefix + userId, message);
    }
    if (size > 0) void this.send(pipeline, size);
  }

  private async send(pipeline: ChainableCommander, size: number): Promise<void> {
    this.underWay += size;
    const carriedOut = await this.done(executePipeline(pipeline));
    this.underWay -= size;
    if (!carriedOut) this.losing = true;
    else if (this.losing && this.underWay < this.mostUnderWay / 2) await this.tellOfLoss();
  }

  /** Redis is there, but does not keep up. */
  private drop(): void {
    if (this.losing) return;
    this.losing = true;
    void this.reporter.report(ComponentError.redis('REDIS_TIMEOUT'), { operation: 'bus.publish' });
  }

  private async tellOfLoss(): Promise<void> {
    if (!this.losing) return;
    this.losing = false;
    const told = await this.done(this.publisher.spublish(this.everybody, this.origin));
    if (!told) this.losing = true;
  }

  /** Whether Redis did it. A connection that breaks is reported by those who watch it; a refusal is reported here, once for each connection. */
  private async done(command: Promise<unknown>): Promise<boolean> {
    const [outcome] = await Promise.allSettled([command]);
    if (outcome.status === 'fulfilled') return true;
    const error: unknown = outcome.reason;
    if (!this.refused && error instanceof Error && redisReplyCode(error) !== undefined) {
      this.refused = true;
      void this.reporter.report(error, { operation: 'bus.command', component: 'Redis' });
    }
    return false;
  }
}
