import { ChatClient } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { verified, WebhookReceiver } from '../support/webhook-receiver';

jest.setTimeout(120_000);

const SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;

interface Seen {
  users: { recovery: { state: string; round: number; fallback: { state: string }[] } | null }[];
}

describe('a process that is killed while it looks for a user', () => {
  let receiver: WebhookReceiver;
  let clarion: ClarionProcess;

  beforeEach(async () => {
    receiver = await WebhookReceiver.start();
  });

  afterEach(async () => {
    await clarion.dispose();
    await receiver.close();
  });

  const start = async (windowMs: number) => {
    clarion = await ClarionProcess.start({
      env: {
        RECOVERY_FIRST_MS: '200',
        RECOVERY_WINDOW_MS: String(windowMs),
        FALLBACK_WEBHOOK_URL: receiver.url,
        FALLBACK_WEBHOOK_SECRET: SECRET,
        OUTBOUND_PRIVATE_ADDRESSES: '1',
        OUTBOUND_TIMEOUT_MS: '1000',
      },
    });
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token('alice') });
    const { run_id } = await client.drill({ tokens: 3, per_second: 2 });
    client.close();
    return run_id;
  };

  const restart = async () => {
    await clarion.crash(true);
    clarion = await ClarionProcess.start({ ...clarion.options, dataDir: clarion.dataDir });
  };

  const recovery = async () => {
    const { body } = await clarion.get<Seen>('/admin/api/statistics/users', await clarion.token('root', true));
    return body.users[0]?.recovery ?? null;
  };

  it('between rounds goes on after the next start, to the one digest', async () => {
    await start(4_000);
    await clarion.until(async () => ((await recovery())?.round ?? 0) >= 1);
    await restart();
    await clarion.until(async () => (await recovery())?.fallback[0]?.state === 'sent', 30_000);
    expect(receiver.received).toHaveLength(1);
    expect(verified(SECRET, receiver.received[0]!)).toMatchObject({ data: { user_id: 'alice' } });
  });

  it('between sending and recording sends the same id again', async () => {
    receiver.usual = 'never';
    const runId = await start(2_500);
    await receiver.until(1);
    receiver.usual = { status: 204 };
    await restart();
    await clarion.until(async () => (await recovery())?.fallback[0]?.state === 'sent', 30_000);
    const sent = receiver.received.map((received) => verified<object>(SECRET, received));
    expect(sent.length).toBeGreaterThanOrEqual(2);
    expect(sent.at(-1)).toMatchObject({ data: { items: [{ type: 'agent_completed', run_id: runId }] } });
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  });
});
