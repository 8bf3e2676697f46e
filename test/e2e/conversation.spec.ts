import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Ack, DurableEvent, ErrorBody } from '@clarion/protocol';
import { v7 as uuidv7 } from 'uuid';
import { freePort } from '../../src/persistence/embedded/postmaster';
import { type ChatClient, drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let app: ClarionApp;

beforeAll(async () => {
  app = await ClarionApp.start();
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

function refusalIn(answer: Ack): ErrorBody {
  if (answer.ok) throw new Error(`accepted: ${JSON.stringify(answer)}`);
  return answer.error;
}

function drillMessage(request: object, id: string = randomUUID()) {
  return { client_message_id: id, content: JSON.stringify(request), agent: 'drill' };
}

describe('a message', () => {
  it('is in the database, with its run and its events, when it is acknowledged', async () => {
    const client = await app.connect('alice');
    const { message_id, run_id, thread_id, ...rest } = await client.drill({ tokens: 100, per_second: 100 });
    const [stored] = await app.query(
      `SELECT (SELECT count(*)::int FROM messages WHERE id = $1 AND thread_id = $3 AND run_id = $2 AND user_id = 'alice') AS messages,
              (SELECT count(*)::int FROM runs WHERE id = $2 AND thread_id = $3 AND message_id = $1) AS runs,
              (SELECT count(*)::int FROM mailbox_events WHERE run_id = $2 AND type IN ('message_created', 'run_queued')) AS events`,
      [message_id, run_id, thread_id],
    );
    expect(stored).toEqual({ messages: 1, runs: 1, events: 2 });
    expect(rest).toEqual({ ok: true, duplicate: false });
    for (const id of [message_id, run_id, thread_id]) expect(id).toMatch(UUID_V7);
  });

  it('is answered in order, event by event, and the deltas make up the answer', async () => {
    const client = await app.connect('bob');
    const content = JSON.stringify({ tokens: 50, per_second: 0, think: 1, tools: 1 });
    const { run_id, thread_id, message_id } = await client.say(content, { agent: 'drill', client_message_id: 'once' });
    await client.ended(run_id);
    const string: unknown = expect.any(String);
    const number: unknown = expect.any(Number);
    const tool = { tool_call_id: string, tool: 'drill_tool' };
    const told = client.events.map(({ type, attempt, critical, data }) => ({ type, attempt, critical, data }));
    expect(told).toEqual([
      {
        type: 'message_created',
        attempt: null,
        critical: false,
        data: { message_id, role: 'user', content, client_message_id: 'once' },
      },
      { type: 'run_queued', attempt: null, critical: false, data: { agent: 'drill', position: 0 } },
      { type: 'agent_started', attempt: 1, critical: true, data: { agent: 'drill', max_attempts: 3 } },
      { type: 'agent_thinking', attempt: 1, critical: true, data: { text: 'Thought 1 of 1', step: 1 } },
      { type: 'tool_executing', attempt: 1, critical: true, data: { ...tool, arguments: { call: 1 } } },
      {
        type: 'tool_completed',
        attempt: 1,
        critical: true,
        data: { ...tool, ok: true, summary: 'Call 1 of 1', duration_ms: number },
      },
      {
        type: 'agent_completed',
        attempt: 1,
        critical: true,
        data: { message_id: string, content: drillWords(50), usage: null, duration_ms: number },
      },
    ]);
    const ours = { user_id: 'bob', run_id, thread_id, path: null, recovered: false };
    client.events.forEach((event, at) =>
      expect(event).toMatchObject({ ...ours, seq: at + 1, id: `${event.epoch}:${at + 1}` }),
    );
    const deltas = client.ephemeral('agent_delta');
    expect(deltas.map(({ text }) => text).join('')).toBe(drillWords(50));
    deltas.reduce((end, { index, text }) => {
      expect(index).toBe(end);
      return end + text.length;
    }, 0);
    const names = client.received.map(({ name }) => name);
    expect(names.indexOf('agent_delta')).toBeGreaterThan(names.indexOf('agent_started'));
    expect(names.lastIndexOf('agent_delta')).toBeLessThan(names.indexOf('agent_completed'));
  });

  it('sent again and again under one id is one message, and tells so', async () => {
    const client = await app.connect('carol');
    const message = drillMessage({ tokens: 3, per_second: 0 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.request('chat_message', message)));
    const accepted = answers.flatMap((answer) => (answer.ok ? [answer] : []));
    expect(accepted).toHaveLength(20);
    expect(new Set(accepted.map(({ run_id, message_id }) => run_id + message_id)).size).toBe(1);
    expect(accepted.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    await client.ended(accepted[0]?.run_id ?? '');
    expect(await client.request('chat_message', message)).toEqual({ ...accepted[0], duplicate: true });
    expect(client.of('message_created')).toHaveLength(1);
    expect(client.of('agent_completed')).toHaveLength(1);

    const other = refusalIn(await client.request('chat_message', { ...message, content: 'another' }));
    expect(other).toMatchObject({
      code: 1004,
      reason: 'MESSAGE_ID_REUSED',
      details: { client_message_id: message.client_message_id },
    });
    const stranger = await app.connect('dave');
    expect(await stranger.request('chat_message', message)).toMatchObject({ ok: true, duplicate: false });
  });

  it('waits for the run before it, is refused, or interrupts, as it asks', async () => {
    const client = await app.connect('erin');
    const { run_id, thread_id } = await client.drill({ tokens: 60, per_second: 100 });
    const rejected = refusalIn(
      await client.request('chat_message', { ...drillMessage({}), thread_id, overlap: 'reject' }),
    );
    expect(rejected).toMatchObject({ reason: 'RUN_CONFLICT', details: { active_run_id: run_id } });
    const waiting = await client.drill({ tokens: 1_000, per_second: 100 }, { thread_id });
    await client.until(() => client.answers.get(waiting.run_id)?.answer.includes('w3') || undefined);
    const told = client.events.map((event) => [event.run_id === run_id ? 'first' : 'second', event.type]);
    expect(told.slice(-2)).toEqual([
      ['first', 'agent_completed'],
      ['second', 'agent_started'],
    ]);
    expect(client.of('run_queued').at(-1)?.data).toEqual({ agent: 'drill', position: 1 });
    const urgent = await client.drill({ tokens: 2 }, { thread_id, overlap: 'interrupt' });
    expect(await client.ended(waiting.run_id)).toMatchObject({ type: 'agent_cancelled', data: { by: 'interrupt' } });
    expect(await client.ended(urgent.run_id)).toMatchObject({ type: 'agent_completed', data: { content: 'w0 w1' } });
  });
});

describe('a run', () => {
  it('can be cancelled, and keeps what it had written', async () => {
    const client = await app.connect('frank');
    const { run_id } = await client.drill({ tokens: 1_000, per_second: 200 });
    await client.until(() => client.answers.get(run_id)?.answer.includes('w5') || undefined);
    expect(await client.request('run_cancel', { run_id })).toMatchObject({ ok: true, run_id });
    const end = (await client.ended(run_id)) as DurableEvent<'agent_cancelled'>;
    expect(end).toMatchObject({ type: 'agent_cancelled', data: { by: 'user' } });
    expect(end.data.content.startsWith('w0 w1 w2')).toBe(true);
    expect(drillWords(1_000).startsWith(end.data.content)).toBe(true);
    const seen = await client.request('run_get', { run_id });
    expect(seen).toMatchObject({ ok: true, run: { run_id, status: 'cancelled', text: end.data.content, error: null } });
    expect(await client.request('run_cancel', { run_id })).toEqual({ ok: true, run_id, status: 'cancelled' });
  });

  // Red until a run that never started ends without an attempt: `attempt: run.attempt || null` in terminalEvent of src/agents/run.store.ts.
  it('that is cancelled before it has started belongs to no attempt', async () => {
    const client = await app.connect('early');
    const { run_id, thread_id } = await client.drill({ tokens: 1_000, per_second: 100 });
    const waiting = await client.drill({}, { thread_id });
    await client.request('run_cancel', { run_id: waiting.run_id });
    const end = await client.ended(waiting.run_id);
    await client.request('run_cancel', { run_id });
    await client.ended(run_id);
    client.schemaProblems.length = 0;
    expect(end).toMatchObject({ type: 'agent_cancelled', attempt: null, data: { content: '' } });
  });

  it('that fails says so with 1008, a sentence and a code to look up, and can be tried again', async () => {
    const client = await app.connect('grace');
    const { run_id } = await client.drill({ tokens: 10, per_second: 0, fail: { kind: 'throw', at_token: 4 } });
    const end = (await client.ended(run_id)) as DurableEvent<'agent_failed'>;
    expect(end).toMatchObject({ type: 'agent_failed', data: { content: drillWords(4) } });
    const { error } = end.data;
    expect(error).toMatchObject({ code: 1008, component: 'AgentSupervisor', user_id: 'grace', run_id });
    expect(JSON.stringify(error)).not.toContain('drill was asked to throw');
    const record = await app.recordOf(error);
    expect(record).toMatchObject({ run_id, user_id: 'grace' });
    expect(record.root_cause).toContain('drill was asked to throw at token 4');
    const seen = await client.request('run_get', { run_id });
    expect(seen).toMatchObject({ ok: true, run: { status: 'failed', error: { support_code: error.support_code } } });

    const again = await client.request('run_retry', { run_id });
    expect(again).toMatchObject({ ok: true });
    expect(await client.request('run_retry', { run_id })).toEqual(again);
    if (again.ok) expect(await client.ended(again.run_id)).toMatchObject({ type: 'agent_failed' });
  });
});

describe('what belongs to one user', () => {
  it('reaches every connection of that user, and nobody else', async () => {
    const open = (user: string): Promise<ChatClient>[] =>
      ['a', 'b'].map((device_id) => app.connect(user, { device_id }));
    const [ivan, ivanToo, judy, judyToo] = (await Promise.all([...open('ivan'), ...open('judy')])) as [
      ChatClient,
      ChatClient,
      ChatClient,
      ChatClient,
    ];
    const runs = await Promise.all(
      [ivan, judy, ivanToo, judyToo].map((client) => client.drill({ tokens: 40, per_second: 400, tools: 1 })),
    );
    const all = [ivan, ivanToo, judy, judyToo];
    const [ivans, judys] = [
      [runs[0], runs[2]],
      [runs[1], runs[3]],
    ].map((list) => list.map((run) => run?.run_id ?? ''));
    await Promise.all(
      all.flatMap(
        (client) => (client === ivan || client === ivanToo ? ivans : judys)?.map((id) => client.ended(id)) ?? [],
      ),
    );
    for (const [client, twin, user, own] of [
      [ivan, ivanToo, 'ivan', ivans],
      [judy, judyToo, 'judy', judys],
    ] as const) {
      expect(client.events).toEqual(twin.events);
      expect(new Set(client.events.map(({ user_id }) => user_id))).toEqual(new Set([user]));
      const touched = [...client.events, ...client.ephemeral('agent_delta')].map(({ run_id }) => run_id);
      expect(new Set(touched)).toEqual(new Set(own));
      for (const id of own ?? []) {
        expect(client.answers.get(id)?.answer).toBe(drillWords(40));
        expect(twin.answers.get(id)?.answer).toBe(drillWords(40));
      }
    }
  });

  it('answers to others as if it did not exist', async () => {
    const [owner, stranger] = await Promise.all([app.connect('kim'), app.connect('leo')]);
    const { run_id, thread_id } = await owner.drill({ tokens: 1_000, per_second: 100 });
    await owner.until(() => (owner.answers.get(run_id)?.answer ? true : undefined));
    const answersFor = async (run: string, thread: string): Promise<object[]> => {
      const answers = await Promise.all([
        stranger.request('run_get', { run_id: run }),
        stranger.request('run_cancel', { run_id: run }),
        stranger.request('run_retry', { run_id: run }),
        stranger.request('chat_message', { ...drillMessage({}), thread_id: thread }),
      ]);
      return answers.map((answer) => {
        const { support_code, timestamp, trace_id, user_notification, ...rest } = refusalIn(answer);
        return {
          ...rest,
          trace_id: typeof trace_id,
          user_notification: { ...user_notification, support_code: typeof support_code + typeof timestamp },
        };
      });
    };
    const foreign = await answersFor(run_id, thread_id);
    expect(foreign).toEqual(await answersFor(uuidv7(), uuidv7()));
    expect(foreign.map((error) => (error as ErrorBody).reason)).toEqual([
      'RUN_NOT_FOUND',
      'RUN_NOT_FOUND',
      'RUN_NOT_FOUND',
      'THREAD_NOT_FOUND',
    ]);
    expect(await owner.request('run_get', { run_id })).toMatchObject({ ok: true, run: { status: 'running' } });
    await owner.request('run_cancel', { run_id });
    await owner.ended(run_id);
  });
});

describe('a planned stop', () => {
  it('is announced before the connection ends, and a plain client finds the next process by itself', async () => {
    const PORT = String(await freePort());
    const old = await ClarionApp.start({ env: { PORT, SHUTDOWN_GRACE_MS: '300' } });
    const token = await old.token('mia');
    const auth = (give: (auth: object) => void): void => give({ token, cursor: client.cursor });
    const plain = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 50 };
    const client: ChatClient = await old.connect(
      'mia',
      {},
      { ...plain, auth: (give: (auth: object) => void) => give({ token }) },
    );
    client.socket.auth = auth;
    const { run_id } = await client.drill({ tokens: 300, per_second: 300 });
    await client.until(() => client.answers.get(run_id)?.answer.includes('w5') || undefined);

    const closed = once(client.socket as unknown as NodeJS.EventEmitter, 'disconnect');
    const back = client.next('connection_established');
    const stopped = old.stop();
    expect(await closed).toEqual(['transport close', expect.anything()]);
    expect(client.received.at(-1)?.name).toBe('server_draining');
    expect(client.ephemeral('server_draining')[0]?.reconnect_after_ms).toBeGreaterThan(0);
    await stopped;

    const next = await ClarionApp.start({ env: { PORT }, database: old.database });
    await back;
    expect(await client.ended(run_id)).toMatchObject({ type: 'agent_completed', data: { content: drillWords(300) } });
    expect(client.answers.get(run_id)?.answer).toBe(drillWords(300));
    expect(client.events.map(({ seq }) => seq)).toEqual(client.events.map((_, index) => index + 1));
    expect(old.closeClients()).toEqual([]);
    await next.dispose();
    await old.dispose();
  });
});
