import { randomUUID } from 'node:crypto';
import { eachOf, report, type LoadOf } from '../load';
import { tokenFor } from '../token';
import { begins, RawClient } from './raw-client';

/** Handshakes at the same time. */
const CONNECTING = 50;
const DELTA = '42["agent_delta"';

export interface Paced {
  /** Runs at the same time, each of a user of its own. */
  readonly runs: number;
  readonly perSecond: number;
  readonly tokens: number;
}

export interface Delays {
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
  const streaming = Promise.all(clients.map((client) => arrivals(client, tokens)));
  for (const client of clients) client.emit('chat_message', messageOf(tokens, perSecond));
  const streams = await streaming;
  for (const client of clients) client.close();
  const from = Math.max(...streams.map((times) => times[0] ?? 0));
  const to = Math.min(...streams.map((times) => times.at(-1) ?? 0));
  const delays = streams.flatMap((times) => delaysOf(times, every, from, to)).sort((a, b) => a - b);
  const at = (share: number): number => delays[Math.floor(delays.length * share)] ?? Number.POSITIVE_INFINITY;
  return { p50: at(0.5), p99: at(0.99), deltas: delays.length };
}

/** When each delta of the client's run came. @throws when the server closes the connection first */
function arrivals(client: RawClient, tokens: number): Promise<number[]> {
  const times: number[] = [];
  const all = Promise.withResolvers<number[]>();
  client.onClose = all.reject;
  client.onPacket = (packet) => {
    if (!begins(packet, DELTA)) return;
    times.push(performance.now());
    if (times.length === tokens) all.resolve(times);
  };
  return all.promise;
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
