import { randomUUID } from 'node:crypto';
import { report, type LoadOf } from '../load';
import { tokenFor } from '../token';
import { begins, RawClient } from './raw-client';

const DELTA = '42["agent_delta"';

export interface Streaming {
  readonly users: number;
  /** Connections of each user. */
  readonly devices: number;
  /** Deltas of each user. */
  readonly tokens: number;
}

/** Deltas per second that reach all clients together, from the first to the last. */
async function main({ port, kind, users, devices, tokens }: LoadOf<Streaming>): Promise<{ perSecond: number }> {
  const clients = await Promise.all(
    Array.from({ length: users * devices }, (_, at) => open(port, kind, `reader${at % users}`)),
  );
  const expected = users * devices * tokens;
  const all = Promise.withResolvers<number>();
  let received = 0;
  let started = 0;
  for (const client of clients) {
    client.onClose = all.reject;
    client.onPacket = (packet) => {
      if (!begins(packet, DELTA)) return;
      if (received === 0) started = performance.now();
      received += 1;
      if (received === expected) all.resolve(performance.now());
    };
  }
  for (const client of clients.slice(0, users)) client.emit('chat_message', messageOf(tokens));
  const seconds = ((await all.promise) - started) / 1000;
  for (const client of clients) client.close();
  return { perSecond: expected / seconds };
}

function messageOf(tokens: number): object {
  return { client_message_id: randomUUID(), content: JSON.stringify({ tokens, per_second: 0 }), agent: 'drill' };
}

async function open(port: number, kind: string, user: string): Promise<RawClient> {
  const client = await RawClient.open(port, { token: await tokenFor(user), user });
  await client.until(kind === 'bare' ? '40' : '42["replay_complete"');
  return client;
}

report(main);
