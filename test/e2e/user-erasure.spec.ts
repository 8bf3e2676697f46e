import type { DurableEvent } from '@clarion/protocol';
import { newUser, useClarionApp } from '../support/clarion-app';

const QUICK = { tokens: 3, per_second: 0 };
const ENDLESS = { tokens: 100_000, per_second: 20 };

describe('erasing a user', () => {
  const app = useClarionApp();

  const TABLES = [
    'threads',
    'messages',
    'runs',
    'mailboxes',
    'mailbox_events',
    'mailbox_positions',
    'recoveries',
    'error_records',
  ];

  const erase = async (user: string, token?: string) =>
    app().request(`/admin/api/users/${encodeURIComponent(user)}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${token ?? (await app().adminToken())}` },
    });

  const rowsOf = async (user: string) => {
    const rows = await Promise.all(
      TABLES.map((table) => app().query(`SELECT 1 FROM ${table} WHERE user_id = $1`, [user])),
    );
    return Object.fromEntries(TABLES.map((table, index) => [table, rows[index]?.length]));
  };

  it('leaves nothing of them, tells their connections, and says who did it', async () => {
    const user = `Zoë / ${newUser()}`;
    const neighbour = newUser();
    const other = await app().connect(neighbour);
    await other.answered();
    const before = await rowsOf(neighbour);
    const clients = [await app().connect(user), await app().connect(user, { device_id: 'phone' })] as const;
    const failed = await clients[0].drill({ ...QUICK, fail: { kind: 'throw', at_token: 1 } });
    const ended = (await clients[0].ended(failed.run_id)) as DurableEvent<'agent_failed'>;
    const active = await clients[0].drill(ENDLESS);
    await clients[0].drill(QUICK, { thread_id: active.thread_id });
    const reasons = clients.map(({ socket }) => new Promise((resolve) => socket.once('disconnect', resolve)));

    const response = await erase(user);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ user_id: user });

    // Socket.IO clients stay away after this one.
    expect(await Promise.all(reasons)).toEqual(['io server disconnect', 'io server disconnect']);
    for (const client of clients) {
      expect(client.ephemeral('error').at(-1)?.error).toMatchObject({
        code: 1002,
        reason: 'USER_ERASED',
        close_code: 4502,
      });
      expect(client.ephemeral('error').at(-1)?.error.user_id).toBeNull();
    }
    expect(await rowsOf(user)).toEqual(Object.fromEntries(TABLES.map((table) => [table, 0])));
    expect(await rowsOf(neighbour)).toEqual(before);
    const { support_code } = ended.data.error;
    const [record] = await app().query('SELECT * FROM error_records WHERE support_code = $1', [support_code]);
    expect(record).toMatchObject({ user_id: null, source: null, details: {}, private_details: {}, stack: null });
    const audit = await app().query('SELECT actor, action FROM audit_log WHERE subject = $1', [user]);
    expect(audit).toEqual([{ actor: 'root', action: 'user_erased' }]);
    const logged = app().lines.filter(({ msg, user_id }) => msg === 'Erased a user' && user_id === user);
    expect(logged).toMatchObject([{ actor: 'root' }]);
  });

  it('lets them begin anew, told that what their cursor knew is gone', async () => {
    const user = newUser();
    const client = await app().connect(user);
    await client.answered();
    const { cursor } = client;
    await erase(user);
    const back = await app().connect(user, { cursor });
    expect(back.ephemeral('connection_established')[0]).toMatchObject({ resume: 'reset', head_seq: 0 });
    expect(back.ephemeral('error')[0]?.error).toMatchObject({ reason: 'HISTORY_TRUNCATED' });
    await back.answered();
    expect(back.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it('may be repeated, and is only for admins', async () => {
    const user = newUser();
    await (await app().connect(user)).answered();
    expect((await erase(user, await app().token(user))).status).toBe(403);
    expect((await app().request(`/admin/api/users/${user}`, { method: 'DELETE' })).status).toBe(401);
    expect((await rowsOf(user)).messages).toBe(2);
    for (let index = 0; index < 2; index += 1) expect((await erase(user)).status).toBe(200);
    expect((await erase('x'.repeat(129))).status).toBe(400);
    expect((await rowsOf(user)).messages).toBe(0);
  });

  it('takes what is sent meanwhile, or leaves it whole', async () => {
    const user = newUser();
    const client = await app().connect(user);
    for (let index = 0; index < 20; index += 1) await client.answered();
    const sending = Promise.allSettled(Array.from({ length: 40 }, () => client.drill(QUICK)));
    expect((await erase(user)).status).toBe(200);
    // Those without an answer fail with the connection.
    await sending;
    const [broken] = await app().query<{ count: number }>(
      `SELECT count(*)::int AS count FROM messages m WHERE user_id = $1
         AND (NOT EXISTS (SELECT 1 FROM threads t WHERE t.id = m.thread_id) OR NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = m.run_id)
           OR NOT EXISTS (SELECT 1 FROM mailbox_events e WHERE e.user_id = m.user_id AND e.thread_id = m.thread_id))`,
      [user],
    );
    expect(broken?.count).toBe(0);
  });
});
