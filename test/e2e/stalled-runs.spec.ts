import type { ErrorBody } from '@clarion/protocol';
import { Database } from '../../src/persistence';
import { type ChatClient, drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';
import { TcpProxy } from '../support/tcp-proxy';

const TOLD_WITHIN_MS = 2_000;
const WORDS = 60;

describe('an accepted run while the database is away', () => {
  let app: ClarionApp;
  let proxy: TcpProxy;

  beforeAll(async () => {
    const through = async (url: string) => {
      proxy = await TcpProxy.before(url);
      return proxy.through(url);
    };
    app = await ClarionApp.start({ through });
  });

  afterEach(() => {
    proxy.heal();
    expect(app.closeClients()).toEqual([]);
  });

  afterAll(async () => {
    await app.dispose();
    await proxy.close();
  });

  const errorsOf = (client: ChatClient): ErrorBody[] => client.ephemeral('error').map(({ error }) => error);

  /** A user with a run that writes for three seconds. */
  async function writing(user: string) {
    const client = await app.connect(user);
    const { run_id } = await client.drill({ tokens: WORDS, per_second: 20 });
    await client.until(() => client.ephemeral('agent_delta')[0]);
    return { client, run_id };
  }

  it('is told of once, to every device of its user, who asks for nothing; and goes on', async () => {
    const other = await app.connect('ann', { device_id: 'other' });
    const { client, run_id } = await writing('ann');
    await other.until(() => other.ephemeral('agent_delta')[0]);
    const idle = await app.connect('bob');
    proxy.refuse();
    const devices = [client, other];
    await Promise.all(devices.map((device) => device.until(() => errorsOf(device)[0], TOLD_WITHIN_MS)));
    proxy.heal();
    const end = await client.ended(run_id);
    expect(end).toMatchObject({ type: 'agent_completed', data: { content: drillWords(WORDS) } });
    const [told] = errorsOf(client);
    expect(told).toMatchObject({ code: 1005, reason: 'RUN_STALLED', run_id, details: { runs: [run_id] } });
    expect(errorsOf(client)).toEqual([told]);
    expect(errorsOf(other)).toEqual([told]);
    expect(errorsOf(idle)).toEqual([]);
    expect(await app.recordOf(told!)).toMatchObject({ user_id: 'ann', component: 'Database', severity: 'warning' });
  });

  it('is told of in one failure with the other runs of its user, and not again in the next outage', async () => {
    const first = await writing('eve');
    const second = await first.client.drill({ tokens: WORDS, per_second: 20 });
    const runs = [first.run_id, second.run_id];
    await outage(first.client);
    const later = await writing('kim');
    await outage(later.client);
    await Promise.all([...runs.map((run) => first.client.ended(run)), later.client.ended(later.run_id)]);
    expect(errorsOf(later.client)).toMatchObject([{ reason: 'RUN_STALLED', run_id: later.run_id }]);
    const told = errorsOf(first.client);
    expect(told).toMatchObject([{ reason: 'RUN_STALLED', run_id: null, details: { runs } }]);
  });

  /** Lasts until the client is told. */
  async function outage(client: ChatClient) {
    proxy.refuse();
    await client.until(() => errorsOf(client)[0], TOLD_WITHIN_MS);
    proxy.heal();
    await new Promise<void>((resolve) => app.get(Database).onReady(resolve));
  }
});
