import { eachOf, type LoadOf } from '../load';
import { tokenFor } from '../token';
import { RawClient } from './raw-client';

/** Opens idle connections, says so, and holds them until it is killed. */
async function main({ port, kind, from, to }: LoadOf<{ from: number; to: number }>): Promise<void> {
  await eachOf(to - from, 100, async (index) => {
    const client = await RawClient.open(port, { token: await tokenFor(`idle${from + index}`) });
    await client.until(kind === 'bare' ? '40' : '42["replay_complete"');
  });
  process.send?.({ result: to - from });
}

void main(JSON.parse(process.argv[2] ?? '{}') as LoadOf<{ from: number; to: number }>);
