import { randomUUID } from 'node:crypto';
import type {
  Ack,
  ClientEventName,
  DurableEvent,
  DurableEventType,
  EphemeralEventMap,
  ErrorEnvelope,
  RequestPayload,
} from '@clarion/protocol';
import { AnswerAssembler, DURABLE_EVENT_TYPES, TERMINAL_EVENTS } from '@clarion/protocol';
import {
  ackFailureSchema,
  durableEventSchema,
  ephemeralEventSchemas,
  requestResultSchemas,
} from '@clarion/protocol/schemas';
import { io, type Socket } from 'socket.io-client';

const LIMIT_MS = 20_000;
const ACK_PACKET = 3;

type Received = { name: string; payload: unknown };

/** A refusal at connecting. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly envelope: ErrorEnvelope,
  ) {
    super(message);
  }
}

/** A plain socket.io-client that keeps all it receives, checks it against the protocol's schemas, and lets tests await it. */
export class ChatClient {
  readonly received: Received[] = [];
  readonly answers = new AnswerAssembler();
  readonly schemaProblems: string[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly acknowledged = new Set<number>();

  private constructor(readonly socket: Socket) {
    socket.io.on('packet', (packet: { type: number; id?: number }) => {
      if (packet.type === ACK_PACKET) this.checkOnce(packet.id ?? -1);
    });
    socket.onAny((name: string, payload: unknown) => {
      this.received.push({ name, payload });
      this.check(name, payload);
      this.answers.accept(name, payload);
      this.wake();
    });
  }

  /** Connects and waits for `replay_complete`. @throws Refused */
  static async connect(
    url: string,
    auth: Record<string, unknown>,
    { namespace = '', ...options }: Record<string, unknown> & { namespace?: string } = {},
  ): Promise<ChatClient> {
    const socket = io(url + namespace, {
      auth,
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      ...options,
    });
    const client = new ChatClient(socket);
    let refusal: Error | undefined;
    socket.once('connect_error', (error: Error & { data?: ErrorEnvelope }) => {
      refusal = error.data ? new Refused(error.message, error.data) : error;
      client.wake();
    });
    const replayed = (): ChatClient | undefined =>
      client.ephemeral('replay_complete').length > 0 ? client : undefined;
    try {
      const outcome = await client.until<ChatClient | Error>(() => refusal ?? replayed(), LIMIT_MS, 'a connection');
      if (outcome instanceof Error) throw outcome;
      return outcome;
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** Every durable event so far, in the order of arrival. */
  get events(): DurableEvent[] {
    return this.received.flatMap(({ name, payload }) =>
      (DURABLE_EVENT_TYPES as readonly string[]).includes(name) ? [payload as DurableEvent] : [],
    );
  }

  get cursor(): string | undefined {
    return this.events.at(-1)?.id;
  }

  of<T extends DurableEventType>(type: T): DurableEvent<T>[] {
    return this.events.filter((event) => event.type === type) as DurableEvent<T>[];
  }

  ephemeral<N extends keyof EphemeralEventMap>(name: N): EphemeralEventMap[N][] {
    return this.received.filter((entry) => entry.name === name).map(({ payload }) => payload as EphemeralEventMap[N]);
  }

  request<N extends ClientEventName>(name: N, payload: RequestPayload<N>): Promise<Ack<N>> {
    return this.raw(name, payload);
  }

  /** Any event with any payload; the acknowledgement. */
  async raw(name: string, ...payload: unknown[]): Promise<Ack> {
    const answer = (await this.socket.timeout(LIMIT_MS).emitWithAck(name, ...payload)) as Ack;
    this.checkAnswer(name, answer);
    return answer;
  }

  /** Sends a message and expects it to be accepted. */
  async say(content: string, more: Partial<RequestPayload<'chat_message'>> = {}) {
    const answer = await this.request('chat_message', { client_message_id: randomUUID(), content, ...more });
    if (!answer.ok) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
    return answer;
  }

  /** A message to `drill`. */
  drill(request: object, more: Partial<RequestPayload<'chat_message'>> = {}) {
    return this.say(JSON.stringify(request), { agent: 'drill', ...more });
  }

  /** A short message to `drill`, whose run has ended. */
  async answered(more: Partial<RequestPayload<'chat_message'>> = {}) {
    const sent = await this.drill({ tokens: 3, per_second: 0 }, more);
    await this.ended(sent.run_id);
    return sent;
  }

  /** Resolves with the run's terminal event. */
  async ended(runId: string, limitMs = LIMIT_MS): Promise<DurableEvent> {
    return this.until(
      () => this.events.find((event) => event.run_id === runId && TERMINAL_EVENTS.has(event.type)),
      limitMs,
      `the end of ${runId}`,
    );
  }

  next(name: string, limitMs = LIMIT_MS): Promise<unknown> {
    const from = this.received.length;
    return this.until(() => this.received.slice(from).find((entry) => entry.name === name)?.payload, limitMs, name);
  }

  /** Resolves as soon as `find` gives something, looked at after everything received. */
  until<T>(find: () => T | undefined, limitMs = LIMIT_MS, what = 'the condition'): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(look);
        const names = this.received.map(({ name }) => name).slice(-30);
        reject(new Error(`${what} did not come within ${limitMs} ms; received …${names.join(', ')}`));
      }, limitMs);
      this.waiting.add(look);
      look();
    });
  }

  close(): void {
    this.socket.close();
  }

  private wake(): void {
    for (const waiter of [...this.waiting]) waiter();
  }

  private check(name: string, payload: unknown): void {
    const schema =
      name in ephemeralEventSchemas ? ephemeralEventSchemas[name as keyof EphemeralEventMap] : durableEventSchema;
    const result = schema.safeParse(payload);
    if (!result.success) this.schemaProblems.push(`${name}: ${result.error.message}`);
  }

  private checkAnswer(name: string, answer: Ack): void {
    const schema = answer.ok ? requestResultSchemas[name as ClientEventName] : ackFailureSchema;
    const result = schema.safeParse(answer);
    if (!result.success) this.schemaProblems.push(`answer to ${name}: ${result.error.message}`);
  }

  private checkOnce(id: number): void {
    if (this.acknowledged.has(id)) this.schemaProblems.push(`request ${id} was answered twice`);
    this.acknowledged.add(id);
  }
}

/** The words that `drill` writes. */
export function drillWords(tokens: number): string {
  return Array.from({ length: tokens }, (_, index) => `w${index}`).join(' ');
}
