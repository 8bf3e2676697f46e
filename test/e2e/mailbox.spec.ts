import { randomUUID } from 'node:crypto';
import type { Ack, DurableEvent, ErrorBody } from '@clarion/protocol';
import { v7 as uuidv7 } from 'uuid';
import { ClarionApp, newUser, useClarionApp } from '../support/clarion-app';

const QUICK = { tokens: 3, per_second: 0 };
const ENDLESS = { tokens: 100_000, per_second: 20 };

function errorOf(answer: Ack): ErrorBody {
  if (answer.ok) throw new Error('expected a refusal');
  return answer.error;
}

function done<A extends Ack>(answer: A): Extract<A, { ok: true }> {
  if (!answer.ok) throw new Error(`refused: ${answer.error.reason}`);
  return answer as Extract<A, { ok: true }>;
}

describe('the mailbox', () => {
  const app = useClarionApp();

  describe('acknowledging by hand', () => {
    const position = async (user: string, on = app()) => {
      const rows = await on.query<{ position: number }>(
        'SELECT position FROM mailbox_positions WHERE user_id = $1 AND device_id = $2',
        [user, 'hand'],
      );
      return rows[0]?.position;
    };

    it('moves the position, cumulatively and never back', async () => {
      const user = newUser();
      const client = await app().connect(user, { device_id: 'hand', ack: 'manual' });
      await client.answered();
      const ids = client.events.map(({ id }) => id);
      expect(await position(user)).toBe(0);
      expect(await client.request('events_ack', { cursor: ids[2] ?? '' })).toEqual({ ok: true, cursor: ids[2] });
      expect(await client.request('events_ack', { cursor: ids[0] ?? '' })).toEqual({ ok: true, cursor: ids[2] });
      expect(await position(user)).toBe(3);
      client.close();
      const back = await app().connect(user, { device_id: 'hand', ack: 'manual' });
      expect(back.ephemeral('connection_established')[0]).toMatchObject({ resume: 'position', from_seq: 3 });
      expect(back.events.map(({ id }) => id)).toEqual(ids.slice(3));
    });

    it('never reaches beyond what this socket was sent, nor into another epoch', async () => {
      const user = newUser();
      const client = await app().connect(user, { device_id: 'hand', ack: 'manual' });
      await client.answered();
      const { epoch, seq } = client.events.at(-1) as DurableEvent;
      for (const cursor of [`${epoch}:${seq + 1}`, 'abcdefgh:1', `${epoch}:9007199254740991`]) {
        const error = errorOf(await client.request('events_ack', { cursor }));
        expect(error).toMatchObject({ reason: 'CURSOR_INVALID', details: { expected: `at most ${epoch}:${seq}` } });
      }
      expect(errorOf(await client.raw('events_ack', { cursor: 'x' }))).toMatchObject({ reason: 'CURSOR_INVALID' });
      expect(await position(user)).toBe(0);
    });

    it('is not done by answered pings', async () => {
      const impatient = await ClarionApp.start({ env: { PING_INTERVAL_MS: '100' } });
      try {
        const user = newUser();
        const client = await impatient.connect(user, { device_id: 'hand', ack: 'manual' });
        const other = await impatient.connect(user, { device_id: 'other' });
        await client.answered();
        await other.until(() => (other.events.length === client.events.length ? true : undefined));
        for (let moved: unknown[] = []; moved.length === 0;) {
          moved = await impatient.query(
            'SELECT 1 FROM mailbox_positions WHERE user_id = $1 AND device_id = $2 AND position > 0',
            [user, 'other'],
          );
        }
        expect(await position(user, impatient)).toBe(0);
      } finally {
        expect(impatient.closeClients()).toEqual([]);
        await impatient.dispose();
      }
    });

    it('closes the connection when a critical event stays unacknowledged, and only then', async () => {
      const strict = await ClarionApp.start({ env: { ACK_WINDOW_MS: '300' } });
      try {
        const user = newUser();
        const diligent = await strict.connect(user, { device_id: 'diligent', ack: 'manual' });
        diligent.socket.onAny(() => {
          const { cursor } = diligent;
          if (cursor !== undefined) diligent.socket.emit('events_ack', { cursor });
        });
        const silent = await strict.connect(user, { device_id: 'hand', ack: 'manual' });
        const automatic = await strict.connect(user);
        const gone = new Promise<string>((resolve) => silent.socket.once('disconnect', resolve));
        await silent.answered();
        expect(await gone).toBe('transport close');
        const [told] = silent.ephemeral('error');
        const critical = silent.events.filter((event) => event.critical).map(({ id }) => id);
        expect(told?.error).toMatchObject({ reason: 'DELIVERY_UNCONFIRMED', retryable: true, close_code: 4009 });
        expect(told?.error.details).toMatchObject({ window_ms: 300 });
        expect(critical).toContain(told?.error.details?.['cursor']);
        const back = await strict.connect(user, { device_id: 'hand', ack: 'manual' });
        expect(back.events.map(({ id }) => id)).toEqual(silent.events.map(({ id }) => id));
        expect([diligent, automatic].map(({ socket }) => socket.connected)).toEqual([true, true]);
      } finally {
        expect(strict.closeClients()).toEqual([]);
        await strict.dispose();
      }
    });
  });

  describe('threads', () => {
    it('are listed page by page, the one used last first, each with its active run', async () => {
      const user = newUser();
      const client = await app().connect(user);
      const ids: string[] = [];
      for (let index = 0; index < 5; index += 1) ids.push((await client.answered()).thread_id);
      const busy = await client.drill(ENDLESS, { thread_id: ids[1] });
      const order = [ids[1], ids[4], ids[3], ids[2], ids[0]];

      const pages: string[][] = [];
      let before: string | undefined;
      do {
        const page = done(await client.request('thread_list', { limit: 2, ...(before ? { before } : {}) }));
        if (pages.length === 0) expect(page.threads[0]).toMatchObject({ active_run_id: busy.run_id });
        pages.push(page.threads.map(({ thread_id }) => thread_id));
        before = page.next ?? undefined;
      } while (before);

      expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
      expect(pages.flat()).toEqual(order);
      const all = done(await client.request('thread_list', {}));
      expect(all).toMatchObject({ next: null });
      expect(all.threads.slice(1).every(({ active_run_id }) => active_run_id === null)).toBe(true);
      await client.request('run_cancel', { run_id: busy.run_id });
    });

    it('show nothing of anybody else', async () => {
      const { thread_id } = await (await app().connect(newUser())).answered();
      const stranger = await app().connect(newUser());
      expect(done(await stranger.request('thread_list', {})).threads).toEqual([]);
      const foreign = errorOf(await stranger.request('thread_history', { thread_id }));
      const missing = errorOf(await stranger.request('thread_history', { thread_id: randomUUID() }));
      expect(foreign).toMatchObject({ reason: 'THREAD_NOT_FOUND', code: 1004 });
      expect(foreign.message).toBe(missing.message);
    });

    it('refuse a page that was never given out', async () => {
      const client = await app().connect(newUser());
      const other = await client.answered();
      const { thread_id } = await client.answered();
      for (const before of ['x', '2026-01-01_1', `2026-13-40T00:00:00.000Z_${thread_id}`, randomUUID()]) {
        expect(errorOf(await client.request('thread_list', { before }))).toMatchObject({ reason: 'PAYLOAD_INVALID' });
      }
      for (const before of ['x', randomUUID(), other.message_id]) {
        const refused = errorOf(await client.request('thread_history', { thread_id, before }));
        expect(refused).toMatchObject({ reason: 'PAYLOAD_INVALID' });
      }
    });
  });

  describe('the history of a thread', () => {
    it('is paged backwards, in the order of commits, each question with its answer and its runs', async () => {
      const client = await app().connect(newUser());
      const first = await client.answered();
      const { thread_id } = first;
      const sent = [first];
      for (let index = 0; index < 3; index += 1) sent.push(await client.answered({ thread_id }));

      const messages = [];
      const runs = [];
      let before: string | undefined;
      do {
        const page = done(
          await client.request('thread_history', { thread_id, limit: 3, ...(before ? { before } : {}) }),
        );
        messages.unshift(...page.messages);
        runs.unshift(...page.runs);
        before = page.next ?? undefined;
      } while (before);

      expect(messages.map(({ role }) => role)).toEqual(sent.flatMap(() => ['user', 'assistant']));
      const questions = messages.filter(({ role }) => role === 'user');
      expect(questions.map(({ message_id }) => message_id)).toEqual(sent.map(({ message_id }) => message_id));
      expect(runs.map(({ run_id }) => run_id)).toEqual(sent.map(({ run_id }) => run_id));
      expect(messages.filter(({ role }) => role === 'assistant').map(({ content }) => content)).toEqual(
        sent.map(() => 'w0 w1 w2'),
      );
    });

    it('is continued without gap or overlap by the events after as_of', async () => {
      const user = newUser();
      const writer = await app().connect(user);
      const { thread_id, run_id } = await writer.drill({ tokens: 60, per_second: 200, tools: 3 });
      const [history] = await Promise.all([
        writer.request('thread_history', { thread_id }),
        writer.drill(QUICK, { thread_id }),
      ]);
      await writer.until(() => (writer.of('agent_completed').length === 2 ? true : undefined));
      const { messages, runs, as_of } = done(history);

      const reader = await app().connect(user, { cursor: as_of });
      const told = reader.of('message_created').map(({ data }) => data.message_id);
      const answered = reader.of('agent_completed').map(({ data }) => data.message_id);
      const all = [...messages.map(({ message_id }) => message_id), ...told, ...answered];
      expect(new Set(all).size).toBe(all.length);
      expect(all).toHaveLength(4);
      expect(runs[0]).toMatchObject({ run_id });
    });
  });

  describe('deleting a thread', () => {
    it('cancels its runs, and erases its content everywhere without a gap in the log', async () => {
      const user = newUser();
      const client = await app().connect(user);
      const secret = `secret${randomUUID()}`;
      // Of a key that comes twice the last counts.
      const secretly = (request: object) => JSON.stringify(request).replace('{', `{"tokens":"${secret}",`);
      const { thread_id } = await client.answered({ content: secretly({ ...QUICK, think: 1, tools: 1 }) });
      const active = await client.say(secretly(ENDLESS), { thread_id, agent: 'drill' });
      const queued = await client.say(secretly(QUICK), { thread_id, agent: 'drill' });
      const kept = await client.answered();

      const deleted = await client.request('thread_delete', { thread_id });
      expect(deleted).toEqual({ ok: true, thread_id });
      for (const { run_id } of [active, queued]) {
        expect(await client.ended(run_id)).toMatchObject({
          type: 'agent_cancelled',
          data: { by: 'thread_deleted', content: '' },
        });
        expect(errorOf(await client.request('run_get', { run_id }))).toMatchObject({ reason: 'RUN_NOT_FOUND' });
      }
      const { threads } = done(await client.request('thread_list', {}));
      expect(threads.map((thread) => thread.thread_id)).toEqual([kept.thread_id]);

      const again = await app().connect(user, { cursor: `${client.events[0]?.epoch}:0` });
      expect(again.events.map(({ seq }) => seq)).toEqual(client.events.map((_, index) => index + 1));
      const erased = again.events.filter((event) => event.thread_id === thread_id);
      expect(contentsOf(erased)).toEqual(new Set(['']));
      expect(contentsOf(again.events.filter((event) => event.thread_id === kept.thread_id)).size).toBeGreaterThan(1);
      for (const table of ['messages', 'runs', 'threads', 'mailbox_events', 'run_text', 'error_records']) {
        const rows = await app().query(`SELECT 1 FROM ${table} t WHERE t::text LIKE '%' || $1 || '%'`, [secret]);
        expect([table, rows.length]).toEqual([table, 0]);
      }
    });

    it('takes what a failure had quoted out of its record, and leaves the record', async () => {
      const client = await app().connect(newUser());
      const { thread_id, run_id } = await client.drill({ ...QUICK, fail: { kind: 'throw', at_token: 1 } });
      const ended = await client.ended(run_id);
      expect(ended.type).toBe('agent_failed');
      const { support_code } = (ended as DurableEvent<'agent_failed'>).data.error;
      await client.request('thread_delete', { thread_id });
      const [record] = await app().query('SELECT * FROM error_records WHERE support_code = $1', [support_code]);
      expect(record).toMatchObject({
        thread_id,
        run_id,
        private_details: {},
        details: {},
        root_cause: null,
        stack: null,
      });
    });

    it('answers the same again, for a missing thread and for a foreign one, which stays', async () => {
      const owner = await app().connect(newUser());
      const { thread_id } = await owner.answered();
      const stranger = await app().connect(newUser());
      for (const id of [thread_id, uuidv7()]) {
        expect(await stranger.request('thread_delete', { thread_id: id })).toEqual({ ok: true, thread_id: id });
      }
      expect(done(await owner.request('thread_list', {})).threads).toHaveLength(1);
      for (let index = 0; index < 2; index += 1) {
        expect(await owner.request('thread_delete', { thread_id })).toEqual({ ok: true, thread_id });
      }
      const refused = await owner.request('chat_message', { client_message_id: 'late', content: 'x', thread_id });
      expect(errorOf(refused)).toMatchObject({ reason: 'THREAD_NOT_FOUND' });
    });

    it('leaves no run without an end in a race with sending, retrying and cancelling', async () => {
      const user = newUser();
      const client = await app().connect(user);
      for (let round = 0; round < 10; round += 1) {
        const { thread_id, run_id } = await client.drill(ENDLESS);
        await client.request('run_cancel', { run_id });
        await Promise.all([
          client.request('chat_message', {
            client_message_id: randomUUID(),
            content: '{"tokens":2000}',
            agent: 'drill',
            thread_id,
          }),
          client.request('run_retry', { run_id }),
          client.request('thread_delete', { thread_id }),
          client.request('chat_message', {
            client_message_id: randomUUID(),
            content: '{"tokens":2000}',
            agent: 'drill',
            thread_id,
          }),
        ]);
      }
      const begun = client.of('run_queued').map(({ run_id }) => run_id ?? '');
      for (const runId of begun) await client.ended(runId);
      for (const table of ['threads', 'messages', 'runs']) {
        expect(await app().query(`SELECT id FROM ${table} WHERE user_id = $1`, [user])).toEqual([]);
      }
    });
  });
});

/** Every text of these events that a user or an agent has written. */
function contentsOf(events: readonly DurableEvent[]): Set<string> {
  const fields = ['content', 'text', 'summary', 'prompt'] as const;
  return new Set(
    events.flatMap(({ data }) => fields.flatMap((field) => (data as unknown as Record<string, string>)[field] ?? [])),
  );
}
