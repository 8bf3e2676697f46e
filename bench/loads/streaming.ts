import { randomUUID } from 'node:crypto';
import { eachOf, report, type LoadOf } from '../load';
import { tokenFor } from '../token';
import { begins, RawClient } from './raw-client';

/** Handshakes at the same time. */
const CONNECTING = 50;
const DELTA = '42["agent_delta"';
const COMPLETED = '42["agent_completed"';
const FAILED = '42["agent_failed"';
/** What no user sees of a run for which all goes well. */
const TROUBLE = ['agent_failed', 'agent_retrying', 'agent_recovering', 'notification', 'error'].map(
  (type) => `42["${type}"`,
);

export interface Paced {
  /** Runs at the same time, each of a user of its own. */
  readonly runs: number;
  readonly perSecond: number;
  readonly tokens: number;
}

export interface Delays {
  readonly completed: number;
  /** Runs whose users were told of trouble. */
  readonly troubled: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the deltas that were counted. */
  readonly deltas: number;
}

/**
 * How late deltas come, in milliseconds, while all runs stream. A token is due at its place in the pace of its run; when the run began is what
 * its least late delta says, so that a late first one hides nothing.
 */
async function main({ port, runs, perSecond, tokens }: LoadOf<Paced>): Promise<Delays> {
  const every = 1_000 / perSecond;
  const clients: RawClient[] = [];
  await eachOf(runs, CONNECTING, async (at) => void clients.push(await open(port, `streamer${at}`)));
  const streaming = Promise.all(clients.map(watch));
  for (const client of clients) client.emit('chat_message', messageOf(tokens, perSecond));
  const streams = await streaming;
  for (const client of clients) client.close();
  const from = Math.max(...streams.map(({ times }) => times[0] ?? Number.POSITIVE_INFINITY));
  const to = Math.min(...streams.map(({ times }) => times.at(-1) ?? 0));
  const delays = streams.flatMap(({ times }) => delaysOf(times, every, from, to)).sort((a, b) => a - b);
  const at = (share: number): number => delays[Math.floor(delays.length * share)] ?? 0;
  const completed = streams.filter((stream) => stream.completed).length;
  const troubled = streams.filter((stream) => stream.troubled).length;
  return { completed, troubled, p50: at(0.5), p99: at(0.99), deltas: delays.length };
}

interface Stream {
  /** When each delta came. */
  readonly times: number[];
  completed: boolean;
  troubled: boolean;
}

/** The client's run from its first delta to its end. @throws when the server closes the connection first */
function watch(client: RawClient): Promise<Stream> {
  const stream: Stream = { times: [], completed: false, troubled: false };
  const ended = Promise.withResolvers<Stream>();
  client.onClose = ended.reject;
  client.onPacket = (packet) => {
    if (begins(packet, DELTA)) return void stream.times.push(performance.now());
    stream.completed = begins(packet, COMPLETED);
    stream.troubled ||= TROUBLE.some((start) => begins(packet, start));
    if (stream.completed || begins(packet, FAILED)) ended.resolve(stream);
  };
  return ended.promise;
}

function delaysOf(times: readonly number[], every: number, from: number, to: number): number[] {
  const begun = Math.min(...times.map((time, token) => time - token * every));
  return times.flatMap((time, token) => {
    const due = begun + token * every;
    return due >= from && due <= to ? [time - due] : [];
  });
}

async function open(port: number, user: string): Promise<RawClient> {
  const client = await RawClient.open(port, { token: await tokenFor(user), user });
  await client.until('42["replay_complete"');
  return client;
}

function messageOf(tokens: number, perSecond: number): object {
  const content = JSON.stringify({ tokens, per_second: perSecond });
  return { client_message_id: randomUUID(), content, agent: 'drill' };
}

report(main);
