import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Socket } from 'socket.io';
import { runChat } from './run-chat';
import { errorBody, type Handler, ScriptedServer } from './server.fixture';

const RUN = 'run-1';
const THREAD = 'thread-1';

let server: ScriptedServer;
let url: string;
let seq: number;

beforeEach(async () => {
  server = new ScriptedServer();
  url = await server.listen();
  seq = 0;
});
afterEach(() => server.close());

interface Typed {
  readonly stdin?: string;
  readonly interrupt?: AbortController;
  /** Hears what is written beside the answer. */
  readonly onNote?: (text: string) => void;
}

async function chat(
  args: string[],
  { stdin = '', interrupt = new AbortController(), onNote = () => undefined }: Typed = {},
) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  streams.stdin.end(stdin);
  streams.stderr.on('data', (chunk: Buffer) => onNote(chunk.toString()));
  const outputs = Promise.all([text(streams.stdout), text(streams.stderr)]);
  const code = await runChat(args, { ...streams, interrupt });
  streams.stdout.end();
  streams.stderr.end();
  const [out, err] = await outputs;
  return { code, out, err };
}

function durable(socket: Socket, type: string, data: object, run_id = RUN): void {
  seq += 1;
  socket.emit(type, { type, id: `epochepoch:${seq}`, seq, run_id, thread_id: THREAD, attempt: 1, data });
}

function delta(socket: Socket, index: number, piece: string, run_id = RUN, attempt = 1): void {
  socket.emit('agent_delta', { run_id, attempt, path: null, index, text: piece });
}

/** Accepts every message and then plays `script`. */
function accepting(script: (socket: Socket) => void): Handler {
  return (socket, _payload, ack) => {
    ack({ ok: true, message_id: 'm', thread_id: THREAD, run_id: RUN, duplicate: false });
    script(socket);
  };
}

function completing(answer: string): Handler {
  return accepting((socket) => {
    durable(socket, 'agent_started', { agent: 'guide', max_attempts: 3 });
    delta(socket, 0, answer.slice(0, 3));
    delta(socket, 3, answer.slice(3));
    durable(socket, 'agent_completed', { message_id: 'a', content: answer, usage: null, duration_ms: 1 });
  });
}

const QUESTION = {
  input_id: 'q1',
  prompt: 'How many?',
  schema: { type: 'integer' },
  expires_at: '2026-11-22T12:00:00.000Z',
};

/** Asks a question in mid-run, takes an answer for good or refuses it, and then goes on. */
function asking(question: object, verdicts: (object | null)[] = []): void {
  server.handlers.chat_message = accepting((socket) => {
    delta(socket, 0, 'half ');
    durable(socket, 'input_required', question);
  });
  server.handlers.input_submit = (socket, _payload, ack) => {
    const error = verdicts.shift();
    if (error) return ack({ ok: false, error });
    ack({ ok: true, duplicate: false });
    resolved(socket, 'submitted');
  };
}

function resolved(socket: Socket, outcome: string): void {
  durable(socket, 'input_resolved', { input_id: 'q1', outcome });
  durable(socket, 'agent_completed', { message_id: 'a', content: 'half done', usage: null, duration_ms: 1 });
}

describe('a question of the agent', () => {
  it('is asked at the terminal, again with what was wrong, until its answer is taken', async () => {
    const details = { issues: ['value: expected number, received string'] };
    asking(QUESTION, [errorBody('INPUT_INVALID', { code: 1004, details })]);
    const { code, out, err } = await chat(['hi', '--url', url], { stdin: 'many\n42\n' });
    expect({ code, out }).toEqual({ code: 0, out: 'half done\n' });
    expect(server.payloads('input_submit')).toEqual([
      { run_id: RUN, input_id: 'q1', value: 'many' },
      { run_id: RUN, input_id: 'q1', value: 42 },
    ]);
    expect(err).toContain('? How many? (integer)\n');
    expect(err).toContain('sentence of INPUT_INVALID\n');
    expect(err).toContain('× value: expected number, received string\n');
  });

  it.each([
    [{ type: 'string' }, '', ' yes, 1 ', ' yes, 1 '],
    [{ type: 'boolean' }, ' (yes | no)', 'Yes', true],
    [{ type: 'boolean' }, ' (yes | no)', 'n', false],
    [{ type: 'string', enum: ['red', 'blue'] }, ' (red | blue)', 'red', 'red'],
    [{ type: 'number' }, ' (number)', '1.5', 1.5],
    [{ type: 'object', properties: { a: {} } }, ' (JSON: {"a":{}})', '{"a": [1]}', { a: [1] }],
  ])('says what form its answer has, and sends it so: %j', async (schema, form, line, value) => {
    asking({ ...QUESTION, schema });
    const { code, err } = await chat(['hi', '--url', url], { stdin: `${line}\n` });
    expect(code).toBe(0);
    expect(err).toContain(`? How many?${form}\n`);
    expect(server.payloads('input_submit')).toMatchObject([{ value }]);
  });

  it('takes its lines from a conversation, whose next line is a message again', async () => {
    asking(QUESTION);
    expect(await chat(['--url', url], { stdin: 'one\n1\ntwo\n2\n' })).toMatchObject({ code: 0 });
    expect(server.payloads('chat_message').map(({ content }) => content)).toEqual(['one', 'two']);
    expect(server.payloads('input_submit').map(({ value }) => value)).toEqual([1, 2]);
  });

  it('is asked once, however often it comes, and may be answered elsewhere', async () => {
    let asked: Socket | undefined;
    server.handlers.chat_message = accepting((socket) => {
      asked = socket;
      delta(socket, 0, 'half ');
      durable(socket, 'input_required', QUESTION);
      // Once more, as after a reconnection.
      const run = { run_id: RUN, status: 'waiting', attempt: 1, text: 'half ', pending_input: QUESTION };
      socket.emit('run_snapshot', run);
    });
    const onNote = (note: string): void => (note.includes('How many?') ? resolved(asked!, 'submitted') : undefined);
    const { code, out, err } = await chat(['hi', '--url', url], { onNote });
    expect({ code, out }).toEqual({ code: 0, out: 'half done\n' });
    expect(err.split('\n').filter((line) => line === '? How many? (integer)')).toHaveLength(1);
  });

  it('says so where the input has ended, and goes on following', async () => {
    let asked: Socket | undefined;
    server.handlers.chat_message = accepting((socket) => {
      asked = socket;
      durable(socket, 'input_required', QUESTION);
    });
    const told = 'Nobody answers here; the question is open until 2026-11-22T12:00:00.000Z.';
    const onNote = (note: string): void => (note.includes(told) ? resolved(asked!, 'submitted') : undefined);
    const { code, out, err } = await chat(['hi', '--url', url], { onNote });
    expect({ code, out }).toEqual({ code: 0, out: 'half done\n' });
    expect(err).toContain(told);
  });

  it('is not asked again once it is closed', async () => {
    asking(QUESTION, [errorBody('INPUT_CLOSED', { code: 1004 })]);
    const { input_submit } = server.handlers;
    server.handlers.input_submit = (socket, payload, ack) => {
      input_submit!(socket, payload, ack);
      setTimeout(() => resolved(socket, 'submitted'), 50);
    };
    const { code, err } = await chat(['hi', '--url', url], { stdin: '1\n2\n' });
    expect(code).toBe(0);
    expect(err).toContain('INPUT_CLOSED_7K3F9QXM');
    expect(server.payloads('input_submit')).toHaveLength(1);
  });
});

describe('npm run chat', () => {
  it('writes the answer alone to stdout, what goes on to stderr, and exits 0', async () => {
    server.handlers.chat_message = accepting((socket) => {
      durable(socket, 'agent_started', { agent: 'guide', max_attempts: 3 });
      durable(socket, 'agent_thinking', { text: 'Let me see.', step: 1 });
      durable(socket, 'agent_progress', { progress: 0.5, message: 'half' });
      durable(socket, 'tool_executing', { tool_call_id: 't', tool: 'search', arguments: { query: 'x' } });
      durable(socket, 'tool_completed', {
        tool_call_id: 't',
        tool: 'search',
        ok: true,
        summary: 'found',
        duration_ms: 7,
      });
      delta(socket, 0, 'Hello ');
      delta(socket, 6, 'world');
      durable(socket, 'agent_completed', { message_id: 'a', content: 'Hello world.', usage: null, duration_ms: 1 });
    });
    const { code, out, err } = await chat(['What', 'is this?', '--url', url, '--user', 'alice', '--agent', 'guide']);
    expect({ code, out }).toEqual({ code: 0, out: 'Hello world.\n' });
    expect(err.trim().split('\n')).toEqual([
      '· Let me see.',
      '· 50 % half',
      '→ search {"query":"x"}',
      '← search: found (7 ms)',
    ]);
    expect(server.tokenRequests).toEqual([{ user: 'alice' }]);
    expect(server.handshakes[0]).toMatchObject({ token: 'a-token', protocol: 1 });
    expect(server.payloads('chat_message')).toEqual([
      { client_message_id: expect.stringMatching(/^[\w-]{36}$/), content: 'What is this?', agent: 'guide' },
    ]);
  });

  it('counts what comes before the acknowledgement, and nothing of other runs', async () => {
    server.handlers.chat_message = (socket, _payload, ack) => {
      durable(socket, 'agent_started', { agent: 'guide', max_attempts: 3 }, 'other');
      delta(socket, 0, 'noise', 'other');
      durable(socket, 'agent_completed', { message_id: 'b', content: 'noise', usage: null, duration_ms: 1 }, 'other');
      delta(socket, 0, 'early ');
      ack({ ok: true, message_id: 'm', thread_id: THREAD, run_id: RUN, duplicate: false });
      delta(socket, 6, 'late');
      durable(socket, 'agent_completed', { message_id: 'a', content: 'early late', usage: null, duration_ms: 1 });
    };
    expect(await chat(['hi', '--url', url])).toEqual({ code: 0, out: 'early late\n', err: '' });
  });

  it('shows a failed run with sentence, action, code and support code, each occurrence once, and exits 1', async () => {
    const error = errorBody('AGENT_FAILED', { code: 1008, component: 'AgentSupervisor', run_id: RUN });
    server.handlers.chat_message = accepting((socket) => {
      delta(socket, 0, 'half');
      socket.emit('error', { type: 'error', error });
      durable(socket, 'agent_failed', { error, content: 'half' });
    });
    const { code, out, err } = await chat(['hi', '--url', url]);
    expect({ code, out }).toEqual({ code: 1, out: 'half\n' });
    expect(err).toBe(
      'sentence of AGENT_FAILED\naction of AGENT_FAILED\nError 1008 (AgentSupervisor, AGENT_FAILED): message of AGENT_FAILED\n' +
        'Support code: AGENT_FAILED_7K3F9QXM\n',
    );
  });

  it('shows an answer anew that was begun anew', async () => {
    server.handlers.chat_message = accepting((socket) => {
      delta(socket, 0, 'first try');
      durable(socket, 'agent_recovering', { agent: 'guide', keep_index: 0, error: errorBody('WORKER_LOST') });
      delta(socket, 0, 'second');
      durable(socket, 'agent_completed', { message_id: 'a', content: 'second', usage: null, duration_ms: 1 });
    });
    const { code, out, err } = await chat(['hi', '--url', url]);
    expect({ code, out }).toEqual({ code: 0, out: 'first try\nsecond\n' });
    expect(err).toContain('another has taken over');
  });

  it('says what to do where nothing listens', async () => {
    await server.close();
    const { code, err } = await chat(['hi', '--url', url]);
    expect(code).toBe(1);
    expect(err).toContain(`Nothing answers at ${url}. Is \`npm start\` running?`);
    const withToken = await chat(['hi', '--url', url, '--token', 'mine']);
    expect(withToken).toEqual({ code: 1, out: '', err });
  });

  it('shows why a connection was refused', async () => {
    server.refusal = errorBody('AUTH_TOKEN_EXPIRED', { code: 1002, component: 'Authentication' });
    const { code, err } = await chat(['hi', '--url', url, '--token', 'old']);
    expect(code).toBe(1);
    expect(err).toContain('sentence of AUTH_TOKEN_EXPIRED\naction of AUTH_TOKEN_EXPIRED\n');
    expect(err).toContain('Support code: AUTH_TOKEN_EXPIRED_7K3F9QXM');
    expect(server.tokenRequests).toEqual([]);
  });

  it('asks for --token where the server issues none', async () => {
    server.tokenAnswer = { status: 403, body: errorBody('DEV_TOKEN_REFUSED') };
    const { code, err } = await chat(['hi', '--url', url]);
    expect(code).toBe(1);
    expect(err).toContain('HTTP 403). sentence of DEV_TOKEN_REFUSED\nPass a token of your issuer by --token.');
  });

  it('repeats a message with the same id where a retry is worth it, and gives up where it is not', async () => {
    const busy = errorBody('DATABASE_CONFLICT', { retryable: true, retry_after_ms: 1 });
    server.handlers.chat_message = (_socket, _payload, ack) => {
      server.handlers.chat_message = completing('done');
      ack({ ok: false, error: busy });
    };
    expect(await chat(['hi', '--url', url])).toMatchObject({ code: 0, out: 'done\n' });
    const [first, second] = server.payloads('chat_message');
    expect(second).toEqual(first);

    server.handlers.chat_message = (_socket, _payload, ack) => ack({ ok: false, error: errorBody('CONTENT_EMPTY') });
    expect(await chat(['hi', '--url', url])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('CONTENT_EMPTY'),
    });
  });

  it('comes back with its cursor after a cut, and learns how the run has ended meanwhile', async () => {
    server.handlers.chat_message = accepting((socket) => {
      durable(socket, 'agent_started', { agent: 'guide', max_attempts: 3 });
      delta(socket, 0, 'before ');
      setImmediate(() => socket.conn.close());
    });
    const run = { run_id: RUN, status: 'completed', attempt: 1, text: 'before after', error: null };
    server.handlers.run_get = (_socket, _payload, ack) => ack({ ok: true, run });
    const { code, out, err } = await chat(['hi', '--url', url]);
    expect({ code, out }).toEqual({ code: 0, out: 'before after\n' });
    expect(err).toBe('The connection was lost; reconnecting.\nConnected again.\n');
    expect(server.handshakes[1]).toMatchObject({ cursor: 'epochepoch:1' });
  });

  it('stops with a sentence where the server sends it away for good', async () => {
    server.handlers.chat_message = accepting((socket) => {
      socket.emit('error', { type: 'error', error: errorBody('AUTH_TOKEN_REVOKED') });
      socket.disconnect();
    });
    const { code, err } = await chat(['hi', '--url', url]);
    expect(code).toBe(1);
    expect(err).toContain('AUTH_TOKEN_REVOKED_7K3F9QXM');
    expect(err).toContain('closed the connection for good');
  });

  it('cancels the run on Ctrl-C and leaves', async () => {
    const interrupt = new AbortController();
    server.handlers.chat_message = accepting((socket) => {
      delta(socket, 0, 'partly');
      setImmediate(() => interrupt.abort());
    });
    server.handlers.run_cancel = (socket, { run_id }, ack) => {
      durable(socket, 'agent_cancelled', { by: 'user', content: 'partly' });
      ack({ ok: true, run_id, status: 'cancelled' });
    };
    const { code, out } = await chat(['hi', '--url', url], { interrupt });
    expect({ code, out }).toEqual({ code: 1, out: 'partly\n' });
    expect(server.payloads('run_cancel')).toEqual([{ run_id: RUN }]);
  });

  it('without a question holds a conversation in one thread, until the input ends', async () => {
    server.handlers.chat_message = completing('answer');
    const { code, out } = await chat(['--url', url], { stdin: 'one\n\ntwo\n' });
    expect({ code, out }).toEqual({ code: 0, out: 'answer\nanswer\n' });
    const sent = server.payloads('chat_message');
    expect(sent.map(({ content, thread_id }) => ({ content, thread_id }))).toEqual([
      { content: 'one', thread_id: undefined },
      { content: 'two', thread_id: THREAD },
    ]);
  });

  it.each([[['--colour']], [['hi', '--url', 'localhost:3000']]])('refuses %j with exit code 2', async (args) => {
    const { code, err } = await chat(args);
    expect(code).toBe(2);
    expect(err).toMatch(/--colour|--url takes/);
  });
});
