import { randomUUID } from 'node:crypto';
import type { DurableEvent, ErrorBody } from '@clarion/protocol';
import { TERMINAL_EVENTS } from '@clarion/protocol';
import { ChatClient, Refused } from '../../support/chat-client';
import { USE_TOOL, type World } from './world';

/** A request that has neither an answer nor an error after this is a failure in silence. */
const SILENT_AFTER_MS = 5_000;
/** Long enough for a fault to meet it. */
const UNDER_WAY = JSON.stringify({ tokens: 120, per_second: 40 });
const SHORT = JSON.stringify({ tokens: 3, per_second: 0 });

/** An attempt to connect that nobody answers; the next one reaches another gateway. */
const CONNECT_MS = 700;

/** What came of a request, and how long that took. */
export type Outcome =
  | { readonly kind: 'served' | 'silent'; readonly ms: number }
  | { readonly kind: 'told'; readonly ms: number; readonly error: ErrorBody };

/** Something that a user does, and that a fault makes fail. */
export type Act = (user: MatrixUser) => Promise<Outcome>;

/** The user whom the fault of a cell concerns. */
export class MatrixUser {
  /** Runs that were accepted, whose end is owed. */
  readonly accepted: string[] = [];

  private constructor(
    readonly world: World,
    readonly name: string,
    readonly client: ChatClient,
  ) {}

  static async connect(world: World, name: string): Promise<MatrixUser> {
    const token = await world.servers.oidc.opaque(name);
    return new MatrixUser(world, name, await ChatClient.connect(world.front, { token }));
  }

  /** A run that streams when the fault comes. */
  async beginRun(): Promise<void> {
    const { run_id } = await this.client.say(UNDER_WAY, { agent: 'drill' });
    this.accepted.push(run_id);
    await this.client.until(() => this.client.ephemeral('agent_delta').find((delta) => delta.run_id === run_id));
  }

  /** Sends a message and waits for the end of its run, or the first error about either. */
  async converse(content: string, agent: string): Promise<Outcome> {
    const began = performance.now();
    const took = () => Math.round(performance.now() - began);
    const answer = await this.client.request('chat_message', { client_message_id: randomUUID(), content, agent });
    if (!answer.ok) return { kind: 'told', ms: took(), error: answer.error };
    this.accepted.push(answer.run_id);
    const stalled = () => this.client.ephemeral('error').find(({ error }) => isAbout(error, answer.run_id));
    const found = () =>
      stalled() ?? this.client.events.find((event) => event.run_id === answer.run_id && isNews(event));
    const [news] = await Promise.allSettled([this.client.until(found, SILENT_AFTER_MS - took())]);
    if (news.status === 'rejected') return { kind: 'silent', ms: took() };
    const error = 'error' in news.value ? news.value.error : errorIn(news.value);
    return error === null ? { kind: 'served', ms: took() } : { kind: 'told', ms: took(), error };
  }

  /** As a client does that has lost its connection: again and again until somebody answers. */
  async comeBack(): Promise<Outcome> {
    const token = await this.world.servers.oidc.opaque(this.name);
    const began = performance.now();
    for (;;) {
      const [back] = await Promise.allSettled([
        ChatClient.connect(this.world.front, { token, cursor: this.client.cursor }, { timeout: CONNECT_MS }),
      ]);
      const ms = Math.round(performance.now() - began);
      if (back.status === 'rejected' && ms < SILENT_AFTER_MS) continue;
      if (back.status === 'rejected') return { kind: 'silent', ms };
      for (const run of this.accepted) await back.value.ended(run);
      back.value.close();
      return { kind: 'served', ms };
    }
  }

  /** Comes from another device. */
  async connectAnew(): Promise<Outcome> {
    const token = await this.world.servers.oidc.opaque(this.name);
    const began = performance.now();
    const took = () => Math.round(performance.now() - began);
    const [connection] = await Promise.allSettled([ChatClient.connect(this.world.url, { token, device_id: 'other' })]);
    if (connection.status === 'fulfilled') {
      connection.value.close();
      return { kind: 'served', ms: took() };
    }
    const refusal = connection.reason as unknown;
    if (refusal instanceof Refused) return { kind: 'told', ms: took(), error: refusal.envelope.error };
    return { kind: 'silent', ms: took() };
  }
}

export const drill: Act = (user) => user.converse(SHORT, 'drill');
export const askAssistant: Act = (user) => user.converse('Hello.', 'assistant');
export const useTool: Act = (user) => user.converse(USE_TOOL, 'assistant');
export const comeBack: Act = (user) => user.comeBack();
export const signIn: Act = (user) => user.connectAnew();

/** `RUN_STALLED` names all that the user waits for. */
function isAbout({ details }: ErrorBody, run: string): boolean {
  const runs: unknown = details?.['runs'];
  return Array.isArray(runs) && runs.includes(run);
}

function isNews(event: DurableEvent): boolean {
  return TERMINAL_EVENTS.has(event.type) || errorIn(event) !== null;
}

function errorIn({ data }: DurableEvent): ErrorBody | null {
  return (data as { error?: ErrorBody | null }).error ?? null;
}
