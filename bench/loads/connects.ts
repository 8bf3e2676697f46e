import { eachOf, report, type LoadOf } from '../load';
import { tokenFor } from '../token';
import { RawClient } from './raw-client';

/** Handshakes under way at the same time. */
const AT_ONCE = 200;

export interface Storm {
  readonly users: readonly string[];
  /** Where every user's client has read up to. */
  readonly cursor: string;
  /** How many events each has missed. */
  readonly missed: number;
}

/** Connections per second; with Clarion, a client counts when it has everything it missed. */
async function main({ port, kind, users, cursor, missed }: LoadOf<Storm>): Promise<{ perSecond: number }> {
  const tokens = await Promise.all(users.map(tokenFor));
  const clients: RawClient[] = [];
  const started = performance.now();
  await eachOf(users.length, AT_ONCE, async (index) => {
    const client = await RawClient.open(port, { token: tokens[index], cursor });
    clients.push(client);
    if (kind === 'bare') await client.until('40');
    else await caughtUp(client, missed);
  });
  const seconds = (performance.now() - started) / 1000;
  for (const client of clients) client.close();
  return { perSecond: users.length / seconds };
}

async function caughtUp(client: RawClient, missed: number): Promise<void> {
  const packet = await client.until('42["replay_complete"');
  const [, { count }] = JSON.parse(packet.toString().slice(2)) as [string, { count: number }];
  if (count !== missed) throw new Error(`${count} events came instead of ${missed}`);
}

report(main);
