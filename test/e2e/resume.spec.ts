import type { ErrorEnvelope } from '@clarion/protocol';
import { ComponentError } from '../../src/errors';
import { PositionsStore } from '../../src/mailbox';
import { type ChatClient, drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

let app: ClarionApp;
let users = 0;
let user: string;

beforeAll(async () => {
  app = await ClarionApp.start({ env: { PING_INTERVAL_MS: '100' } });
});
beforeEach(() => {
  users += 1;
  user = `reader-${users}`;
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

const SHORT = { tokens: 2, per_second: 0 };

/** Has a short conversation; the events of it: message_created, run_queued, agent_started, agent_completed. */
async function converse(client: ChatClient): Promise<void> {
  await client.ended((await client.drill(SHORT)).run_id);
}

/** Resolves when the server has kept that the device has read up to `seq`: an answered ping proves it. */
async function untilPosition(device: string, seq: number): Promise<void> {
  const [row] = await app.query<{ position: number }>(
    'SELECT position FROM mailbox_positions WHERE user_id = $1 AND device_id = $2',
    [user, device],
  );
  if (row?.position === seq) return;
  await new Promise((resolve) => setTimeout(resolve, 20));
  return untilPosition(device, seq);
}

function seqs(client: ChatClient): number[] {
  return client.events.map(({ seq }) => seq);
}

describe('a client that returns', () => {
  it('with its cursor gets what came after it, and nothing twice', async () => {
    const first = await app.connect(user);
    await converse(first);
    const cursor = first.events[1]?.id;
    first.close();
    const again = await app.connect(user, { cursor });
    expect(again.ephemeral('connection_established')[0]).toMatchObject({ resume: 'cursor', from_seq: 2, head_seq: 4 });
    expect(seqs(again)).toEqual([3, 4]);
    expect(again.ephemeral('replay_complete')).toEqual([{ from_seq: 2, to_seq: 4, count: 2 }]);
    const uptodate = await app.connect(user, { cursor: again.cursor });
    expect(uptodate.ephemeral('replay_complete')).toEqual([{ from_seq: 4, to_seq: 4, count: 0 }]);
  });

  it.each(['websocket', 'polling'])(
    'at once with others by %s gets what is theirs, runs under way or not',
    async (transport) => {
      const names = Array.from({ length: 8 }, (_, index) => `${user}-${transport}-${index}`);
      const firsts = await Promise.all(
        names.map(async (name, index) => {
          const client = await app.connect(name);
          for (let count = 0; count < index; count += 1) await converse(client);
          if (index % 2 === 1) await client.drill({ tokens: 100_000, per_second: 1 });
          await client.until(() => index % 2 === 0 || client.of('agent_started').length > index || undefined);
          return client;
        }),
      );
      const beginnings = firsts.map(({ cursor }) => cursor?.replace(/:.*/, ':0'));
      const backs = await Promise.all(
        names.map((name, index) => app.connect(name, { cursor: beginnings[index] }, { transports: [transport] })),
      );
      for (const [index, back] of backs.entries()) {
        const missed = firsts[index]?.events ?? [];
        expect(back.events).toEqual(missed.map((event) => ({ ...event, recovered: true })));
        expect(back.ephemeral('run_snapshot').map(({ run_id }) => run_id)).toEqual(
          index % 2 === 1 ? [missed.at(-1)?.run_id] : [],
        );
        expect(back.ephemeral('replay_complete')).toEqual([
          { from_seq: 0, to_seq: missed.length, count: missed.length },
        ]);
      }
    },
  );

  it('without a cursor gets what came since its last answered ping', async () => {
    const first = await app.connect(user, { device_id: 'phone' });
    await converse(first);
    await untilPosition('phone', 4);
    first.close();
    await converse(await app.connect(user, { device_id: 'laptop' }));
    const again = await app.connect(user, { device_id: 'phone' });
    expect(again.ephemeral('connection_established')[0]).toMatchObject({ resume: 'position', from_seq: 4 });
    expect(seqs(again)).toEqual([5, 6, 7, 8]);
    expect(again.events.every(({ recovered }) => recovered)).toBe(true);
  });

  it('on a new device starts where the furthest of the others stands', async () => {
    const phone = await app.connect(user, { device_id: 'phone' });
    await converse(phone);
    await untilPosition('phone', 4);
    const tablet = await app.connect(user, { device_id: 'tablet' });
    expect(tablet.ephemeral('connection_established')[0]).toMatchObject({ resume: 'new', from_seq: 4, head_seq: 4 });
    expect(seqs(tablet)).toEqual([]);
    tablet.close();
    await converse(phone);
    const again = await app.connect(user, { device_id: 'tablet' });
    expect(again.ephemeral('connection_established')[0]).toMatchObject({ resume: 'position', from_seq: 4 });
    expect(seqs(again)).toEqual([5, 6, 7, 8]);
  });

  it.each(['auto', 'manual'] as const)(
    'with a cursor that could not be kept as its position at once has it kept later (ack: %s)',
    async (ack) => {
      const first = await app.connect(user, { device_id: 'phone', ack: 'manual' });
      await converse(first);
      const cursor = String(first.cursor);
      first.close();
      const failing = jest
        .spyOn(app.get(PositionsStore), 'advance')
        .mockRejectedValueOnce(ComponentError.database('DATABASE_DISK_FULL'));
      const again = await app.connect(user, { device_id: 'phone', ack, cursor });
      // At once; a ping may have been answered meanwhile too.
      expect(failing).toHaveBeenCalled();
      if (ack === 'manual') expect(await again.request('events_ack', { cursor })).toMatchObject({ ok: true });
      await untilPosition('phone', 4);
      failing.mockRestore();
    },
  );

  it('keeps its position through pings where it acknowledges by itself', async () => {
    const manual = await app.connect(user, { device_id: 'careful', ack: 'manual' });
    await converse(manual);
    const automatic = await app.connect(user, { device_id: 'careless' });
    await converse(automatic);
    await untilPosition('careless', 8);
    const again = await app.connect(user, { device_id: 'careful', ack: 'manual' });
    expect(again.ephemeral('connection_established')[0]).toMatchObject({ resume: 'position', from_seq: 0 });
    expect(seqs(again)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe('a cursor that does not fit', () => {
  async function reset(cursor: string): Promise<{ client: ChatClient; envelope: ErrorEnvelope }> {
    const client = await app.connect(user, { cursor });
    const [envelope] = client.ephemeral('error');
    if (envelope === undefined) throw new Error('nothing was said');
    expect(client.received.slice(0, 2).map(({ name }) => name)).toEqual(['connection_established', 'error']);
    expect(client.ephemeral('connection_established')[0]?.resume).toBe('reset');
    expect(envelope.error).toMatchObject({ code: 1009, reason: 'HISTORY_TRUNCATED', user_id: user, retryable: false });
    return { client, envelope };
  }

  it('as its epoch is another, starts anew with all there is', async () => {
    await converse(await app.connect(user));
    const { client, envelope } = await reset('0123456789abcdef:2');
    expect(envelope.error.details).toEqual({ missed_from: null, missed_to: null });
    expect(seqs(client)).toEqual([1, 2, 3, 4]);
  });

  it('as it is another user’s, starts anew with what is the own', async () => {
    const other = await app.connect(`${user}-other`);
    await converse(other);
    await converse(await app.connect(user));
    const { client, envelope } = await reset(other.cursor ?? '');
    expect(envelope.error.details).toEqual({ missed_from: null, missed_to: null });
    expect(seqs(client)).toEqual([1, 2, 3, 4]);
    expect(new Set(client.events.map(({ user_id }) => user_id))).toEqual(new Set([user]));
  });

  it('as it lies beyond the head, starts anew with all there is', async () => {
    const first = await app.connect(user);
    await converse(first);
    const { client, envelope } = await reset(`${first.events[0]?.epoch}:5`);
    expect(envelope.error.details).toEqual({ missed_from: null, missed_to: null });
    expect(seqs(client)).toEqual([1, 2, 3, 4]);
    await converse(client);
    expect(seqs(client)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('as it is older than what is retained, says exactly what is gone', async () => {
    const first = await app.connect(user);
    await converse(first);
    await app.query('DELETE FROM mailbox_events WHERE user_id = $1 AND seq <= 3', [user]);
    await app.query('UPDATE mailboxes SET trimmed_to = 3 WHERE user_id = $1', [user]);
    const { client, envelope } = await reset(first.events[0]?.id ?? '');
    expect(envelope.error.details).toEqual({ missed_from: 2, missed_to: 3 });
    expect(seqs(client)).toEqual([4]);
    expect(client.ephemeral('replay_complete')).toEqual([{ from_seq: 3, to_seq: 4, count: 1 }]);
  });
});

describe('a client that is cut off in the middle of an answer', () => {
  it('again and again, gets every event once, in order, and the exact answer', async () => {
    const token = await app.token(user);
    const known: { cursor?: string } = {};
    const auth = (give: (auth: object) => void): void => give({ token, ...known });
    const client = await app.connect(user, {}, { auth, reconnection: true, reconnectionDelay: 1 });
    const { run_id } = await client.drill({ tokens: 300, per_second: 200, think: 3, tools: 2 });
    for (let words = 40; words <= 240; words += 50) {
      await client.until(() => (client.answers.get(run_id)?.answer.includes(`w${words}`) ? true : undefined));
      known.cursor = client.cursor;
      const back = client.next('replay_complete');
      client.socket.io.engine.close();
      await back;
      expect(client.ephemeral('run_snapshot').at(-1)).toMatchObject({ run_id, status: 'running', attempt: 1 });
    }
    expect(await client.ended(run_id)).toMatchObject({ type: 'agent_completed', data: { content: drillWords(300) } });
    expect(client.answers.get(run_id)).toMatchObject({ answer: drillWords(300), missed: false });
    expect(seqs(client)).toEqual(client.events.map((_, index) => index + 1));
  });

  it('misses nothing that was said while it was away', async () => {
    const [phone, laptop] = await Promise.all([app.connect(user), app.connect(user, { device_id: 'laptop' })]);
    const { run_id } = await phone.drill({ tokens: 60, per_second: 200 });
    await phone.until(() => (phone.answers.get(run_id)?.answer.includes('w10') ? true : undefined));
    const { cursor } = phone;
    phone.close();
    await laptop.ended(run_id);
    const again = await app.connect(user, { cursor });
    expect(again.of('agent_completed')).toMatchObject([{ recovered: true, data: { content: drillWords(60) } }]);
    expect([...seqs(phone), ...seqs(again)]).toEqual(seqs(laptop));
  });
});
