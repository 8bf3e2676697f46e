import { randomUUID } from 'node:crypto';
import { report, type LoadOf } from '../load';
import { tokenFor } from '../token';
import { RawClient } from './raw-client';

const WARM = 30;
const MEASURED = 150;

/** One client, one message after the other: the time from `chat_message` to `agent_started`, in milliseconds. */
async function main({ port }: LoadOf): Promise<{ p50: number; p99: number }> {
  const client = await RawClient.open(port, { token: await tokenFor('alone') });
  await client.until('42["replay_complete"');
  const times: number[] = [];
  for (let turn = 0; turn < WARM + MEASURED; turn += 1) {
    // Both at once may come in one read.
    const [started, ended] = [client.until('42["agent_started"'), client.until('42["agent_completed"')];
    const sent = performance.now();
    client.emit('chat_message', { client_message_id: randomUUID(), content: '{"tokens":1}', agent: 'drill' });
    await started;
    if (turn >= WARM) times.push(performance.now() - sent);
    await ended;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

report(main);
