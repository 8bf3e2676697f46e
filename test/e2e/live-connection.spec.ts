import { newUser, useClarionApp } from '../support/clarion-app';

describe('a live connection', () => {
  const app = useClarionApp();

  /** Events that are in the log, but that nobody published. */
  const appendSilently = (user: string, count: number) =>
    app().query(
      `WITH m AS (UPDATE mailboxes SET head = head + $2 WHERE user_id = $1 RETURNING head)
       INSERT INTO mailbox_events (user_id, seq, type, critical, data)
       SELECT $1, m.head - $2 + n, 'agent_progress', false, '{"progress": 0.5, "message": ""}' FROM m, generate_series(1, $2::int) AS n`,
      [user, count],
    );
  const trim = (user: string, to: number) =>
    app().query(
      `WITH m AS (UPDATE mailboxes SET trimmed_to = $2 WHERE user_id = $1) DELETE FROM mailbox_events WHERE user_id = $1 AND seq <= $2`,
      [user, to],
    );

  it('gets within seconds what was committed but never published, in order', async () => {
    const user = newUser();
    const clients = [await app().connect(user), await app().connect(user, { device_id: 'phone' })];
    await appendSilently(user, 250);
    for (const client of clients) {
      await client.until(() => (client.events.length === 250 ? true : undefined), 5_000, 'what was never published');
      expect(client.events.map(({ seq }) => seq)).toEqual(Array.from({ length: 250 }, (_, index) => index + 1));
    }
  });

  it('that retention has overtaken is closed, and told on its return what it missed', async () => {
    const user = newUser();
    const client = await app().connect(user);
    await appendSilently(user, 2);
    await client.until(() => (client.events.length === 2 ? true : undefined));
    const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
    await app().query(
      `WITH m AS (UPDATE mailboxes SET head = 50, trimmed_to = 40 WHERE user_id = $1)
       INSERT INTO mailbox_events (user_id, seq, type, critical, data)
       SELECT $1, n, 'agent_progress', false, '{"progress": 0.5, "message": ""}' FROM generate_series(41, 50) AS n`,
      [user],
    );
    expect(await gone).toBe('transport close');
    expect(client.ephemeral('error')[0]?.error).toMatchObject({ code: 1009, retryable: true });
    const back = await app().connect(user, { cursor: client.cursor });
    expect(back.ephemeral('error')[0]?.error).toMatchObject({
      reason: 'HISTORY_TRUNCATED',
      details: { missed_from: 3, missed_to: 40 },
    });
    expect(back.events.map(({ seq }) => seq)).toEqual([41, 42, 43, 44, 45, 46, 47, 48, 49, 50]);
  });

  it('of a mailbox whose epoch has changed is closed, and told on its return that its numbers are void', async () => {
    const user = newUser();
    const client = await app().connect(user);
    await client.answered();
    const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
    await app().query(`UPDATE mailboxes SET epoch = 'another0epoch' WHERE user_id = $1`, [user]);
    expect(await gone).toBe('transport close');
    expect(client.ephemeral('error')[0]?.error).toMatchObject({ reason: 'MAILBOX_UNAVAILABLE', retryable: true });
    const back = await app().connect(user, { cursor: client.cursor });
    expect(back.ephemeral('connection_established')[0]).toMatchObject({ resume: 'reset', epoch: 'another0epoch' });
    expect(back.ephemeral('error')[0]?.error).toMatchObject({
      reason: 'HISTORY_TRUNCATED',
      details: { missed_from: null, missed_to: null },
    });
    expect(back.events.map(({ seq }) => seq)).toEqual(client.events.map(({ seq }) => seq));
  });

  it('is not disturbed where what was removed had been sent', async () => {
    const user = newUser();
    const client = await app().connect(user);
    await appendSilently(user, 10);
    await client.until(() => (client.events.length === 10 ? true : undefined));
    await trim(user, 10);
    await client.answered();
    expect(client.ephemeral('error')).toEqual([]);
    expect(client.events).toHaveLength(14);
  });
});
