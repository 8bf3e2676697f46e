import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type Ack, CLIENT_EVENT_NAMES, type ErrorBody } from '@clarion/protocol';
import fc from 'fast-check';
import type { ChatClient } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

const KB_64 = 65_536;
const RESERVED = new Set(['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']);

/** Requests that are valid without any field. */
const NEEDS_NOTHING = new Set<string>(['health_check', 'thread_list']);

let app: ClarionApp;
let client: ChatClient;

beforeAll(async () => {
  app = await ClarionApp.start();
});
beforeEach(async () => {
  client = await app.connect('mallory');
});
afterEach(async () => {
  await expectAlive(client);
  expect(app.closeClients()).toEqual([]);
});
afterAll(() => app.dispose());

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { inner: nested(depth - 1) };
}

function message(fields: object): object {
  return { client_message_id: randomUUID(), content: '{}', agent: 'drill', ...fields };
}

function refusalIn(answer: Ack): ErrorBody {
  if (answer.ok) throw new Error(`accepted: ${JSON.stringify(answer)}`);
  return answer.error;
}

/** The connection, and what is behind it, still work. */
async function expectAlive(sender: ChatClient): Promise<void> {
  expect(sender.socket.connected).toBe(true);
  expect(await sender.request('health_check', {})).toMatchObject({ ok: true });
}

async function storedMessages(user: string): Promise<number> {
  const [row] = await app.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM messages m JOIN threads t ON t.id = m.thread_id WHERE t.user_id = $1',
    [user],
  );
  return row?.count ?? -1;
}

/** Past the Socket.IO encoder, as only a client of one's own could. */
function writeRaw(...packets: (string | Buffer)[]): void {
  for (const packet of packets) client.socket.io.engine.write(packet);
}

describe('a chat_message is refused', () => {
  const missing = randomUUID();

  it.each<[string, unknown, string, unknown?]>([
    ['that is null', null, 'PAYLOAD_INVALID'],
    ['that is a text', 'hello', 'PAYLOAD_INVALID'],
    ['that is a number', 7, 'PAYLOAD_INVALID'],
    ['that is a list', [{}], 'PAYLOAD_INVALID'],
    [
      'without an id',
      { content: 'x' },
      'PAYLOAD_INVALID',
      { issues: [{ path: 'client_message_id', code: 'invalid_type' }] },
    ],
    [
      'without content',
      { client_message_id: 'a' },
      'PAYLOAD_INVALID',
      { issues: [{ path: 'content', code: 'invalid_type' }] },
    ],
    ['whose id has spaces', message({ client_message_id: 'a b' }), 'PAYLOAD_INVALID'],
    ['whose id is too long', message({ client_message_id: 'a'.repeat(65) }), 'PAYLOAD_INVALID'],
    ['whose id is a number', message({ client_message_id: 5 }), 'PAYLOAD_INVALID'],
    ['whose content is a list', message({ content: ['x'] }), 'PAYLOAD_INVALID'],
    ['whose thread is no UUID', message({ thread_id: "' OR 1=1 --" }), 'PAYLOAD_INVALID'],
    ['whose thread does not exist', message({ thread_id: missing }), 'THREAD_NOT_FOUND', null],
    ['with an unknown overlap', message({ overlap: 'explode' }), 'PAYLOAD_INVALID'],
    ['whose metadata is a list', message({ metadata: [] }), 'PAYLOAD_INVALID'],
    ['with too much metadata', message({ metadata: { a: 'x'.repeat(4_096) } }), 'PAYLOAD_INVALID'],
    ['to an agent with a strange name', message({ agent: '../guide' }), 'PAYLOAD_INVALID'],
    ['to nobody', message({ agent: 'nobody' }), 'AGENT_UNKNOWN', { agent: 'nobody', available: ['guide', 'drill'] }],
    ['of no words', message({ content: '' }), 'CONTENT_EMPTY', null],
    ['of 64 KB and a byte', message({ content: 'x'.repeat(KB_64 + 1) }), 'CONTENT_TOO_LARGE', { max_bytes: KB_64 }],
    ['of 64 KB of é and a byte', message({ content: `${'é'.repeat(KB_64 / 2)}x` }), 'CONTENT_TOO_LARGE'],
    ['of 64 KB of emoji and a byte', message({ content: `${'🙂'.repeat(KB_64 / 4)}x` }), 'CONTENT_TOO_LARGE'],
    ['nested too deep', message({ metadata: nested(30) }), 'PAYLOAD_TOO_DEEP', { max_depth: 16 }],
    [
      'with a __proto__ key',
      JSON.parse('{"client_message_id":"p","content":"x","__proto__":{"admin":true}}'),
      'PAYLOAD_KEY_FORBIDDEN',
      { key: '__proto__' },
    ],
    [
      'with a __proto__ key inside',
      message({ metadata: JSON.parse('{"a":{"__proto__":1}}') as object }),
      'PAYLOAD_KEY_FORBIDDEN',
    ],
    ['with U+0000', message({ content: 'a\0b' }), 'TEXT_INVALID'],
    ['with U+0000 in a key', message({ metadata: { 'a\0': 1 } }), 'TEXT_INVALID'],
    ['with a lone high surrogate', message({ content: 'a\ud800' }), 'TEXT_INVALID'],
    ['with a lone low surrogate', message({ content: '\udc00a' }), 'TEXT_INVALID'],
    ['with binary content', message({ content: Buffer.from('x') }), 'BINARY_NOT_SUPPORTED'],
    ['that is binary', Buffer.from('x'), 'BINARY_NOT_SUPPORTED'],
  ])('%s', async (...[, payload, reason, details]) => {
    const error = refusalIn(await client.raw('chat_message', payload));
    expect(error).toMatchObject({
      code: 1004,
      component: 'MessageHandler',
      reason,
      user_id: 'mallory',
      root_cause: null,
    });
    if (details !== undefined) expect(error.details).toEqual(details);
    expect(await app.recordOf(error)).toMatchObject({ operation: 'socket.chat_message', user_id: 'mallory' });
    expect(await storedMessages('mallory')).toBe(0);
  });

  it('without a payload, and with two', async () => {
    expect(refusalIn(await client.raw('chat_message')).reason).toBe('PAYLOAD_INVALID');
    const two = refusalIn(await client.raw('chat_message', message({}), message({})));
    expect(two).toMatchObject({ reason: 'PAYLOAD_INVALID', details: { event: 'chat_message' } });
    expect(await storedMessages('mallory')).toBe(0);
  });

  it('nested 200,000 deep, without a word to the stack', async () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    const answered = client.next('error');
    writeRaw(`2["chat_message",${deep}]`);
    expect(await answered).toMatchObject({ error: { reason: 'PAYLOAD_TOO_DEEP' } });
  });

  it('but taken with exactly 64 KB, in any script', async () => {
    const writer = await app.connect('writer');
    for (const content of ['x'.repeat(KB_64), 'é'.repeat(KB_64 / 2), '🙂'.repeat(KB_64 / 4)]) {
      const { message_id } = await writer.say(content, { agent: 'drill' });
      const [row] = await app.query<{ content: string }>('SELECT content FROM messages WHERE id = $1', [message_id]);
      expect(row?.content === content).toBe(true);
    }
  });
});

describe('an event that nobody handles', () => {
  it.each(['no_such_event', 'constructor', '__proto__', 'toString', '', ' ', 'a\0b', '\ud800', 'x'.repeat(500)])(
    '%j is answered',
    async (name) => {
      const error = refusalIn(await client.raw(name, {}));
      expect(error).toMatchObject({ code: 1004, reason: 'EVENT_UNKNOWN', retryable: false });
    },
  );

  it('comes back as an error event where it has no acknowledgement', async () => {
    const answered = client.next('error');
    client.socket.emit('no_such_event', { secret: 'of mine' });
    const envelope = await answered;
    expect(envelope).toMatchObject({ error: { reason: 'EVENT_UNKNOWN', details: { event: 'no_such_event' } } });
    expect(JSON.stringify(envelope)).not.toContain('of mine');
  });

  it('may have a number for a name', async () => {
    const error = refusalIn((await client.socket.timeout(5_000).emitWithAck(42 as never)) as Ack);
    expect(error).toMatchObject({ code: 1004, reason: 'EVENT_UNKNOWN', details: { event: '42' } });
  });

  it('may be called error', async () => {
    expect(refusalIn(await client.raw('error', { fake: true })).reason).toBe('CLIENT_ERROR_EVENT');
    const answered = client.next('error');
    client.socket.emit('error', new Date());
    expect(await answered).toMatchObject({ error: { code: 1004, reason: 'CLIENT_ERROR_EVENT' } });
  });
});

describe('a packet that cannot be decoded', () => {
  it.each<[string, (string | Buffer)[]]>([
    ['plain garbage', ['garbage']],
    ['an unknown type', ['9["chat_message"]']],
    ['unfinished JSON', ['2["chat_message",{']],
    ['an object for a list', ['2{"chat_message":1}']],
    ['an empty list', ['2[]']],
    ['null for a name', ['2[null,{}]']],
    ['a reserved name', ['2["disconnect"]']],
    ['attachments without a number', ['5-["chat_message"]']],
    ['more attachments than anybody needs', ['5999-["chat_message"]']],
    ['an attachment that was not announced', [Buffer.from([1, 2, 3])]],
    ['a placeholder for an attachment that is not there', ['51-["x",{"_placeholder":true,"num":5}]', Buffer.from([1])]],
    ['a text where an attachment was to come', ['51-["x",{"_placeholder":true,"num":0}]', '2["health_check"]']],
  ])('%s, is answered by an error event', async (_, packets) => {
    const answered = client.next('error');
    writeRaw(...packets);
    const { error } = (await answered) as { error: ErrorBody };
    expect(error).toMatchObject({ code: 1004, component: 'MessageHandler', reason: 'PACKET_INVALID', details: null });
    expect(await app.recordOf(error)).toMatchObject({ operation: 'socket.unknown', user_id: 'mallory' });
  });

  it('costs the requests around it nothing', async () => {
    const asked = Array.from({ length: 20 }, () => {
      writeRaw('2["broken');
      return client.request('health_check', {});
    });
    expect((await Promise.all(asked)).every(({ ok }) => ok)).toBe(true);
    await client.until(() => client.ephemeral('error').length === 20 || undefined);
  });
});

describe('any request at all', () => {
  const garbage = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.record(
      {
        client_message_id: fc.oneof(
          fc.constant('no good'),
          fc.integer(),
          fc.jsonValue({ maxDepth: 2 }).map((value) => [value]),
        ),
        content: fc.oneof(fc.string({ unit: 'binary' }), fc.constant('\ud83d'), fc.jsonValue({ maxDepth: 1 })),
        run_id: fc.oneof(fc.uuid(), fc.string(), fc.constant(null)),
        thread_id: fc.oneof(fc.uuid(), fc.string(), fc.double()),
        metadata: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
        cursor: fc.string(),
        token: fc.string(),
        limit: fc.double(),
      },
      { requiredKeys: [] },
    ),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  );
  const name = fc.oneof(
    fc.constantFrom(...CLIENT_EVENT_NAMES.filter((known) => !NEEDS_NOTHING.has(known))),
    fc.constantFrom('error', '__proto__', 'hasOwnProperty', 'message', 'ping'),
    fc.string({ unit: 'binary' }).filter((text) => !RESERVED.has(text) && !NEEDS_NOTHING.has(text)),
  );
  const request = fc.tuple(name, fc.array(garbage, { maxLength: 3 }));

  it('is answered exactly once, with a coded error, and harms nobody', async () => {
    const property = fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 20 }), async (requests) => {
      const answers = await Promise.all(requests.map(([event, payloads]) => client.raw(event, ...payloads)));
      for (const [at, answer] of answers.entries()) {
        // Deleting what does not exist is done already.
        if (requests[at]?.[0] === 'thread_delete' && answer.ok) continue;
        expect(refusalIn(answer)).toMatchObject({ root_cause: null });
        // What is no token at all is the token's failure.
        const codes = requests[at]?.[0] === 'auth_refresh' ? [1002, 1004] : [1003, 1004];
        expect(codes).toContain(refusalIn(answer).code);
      }
      expect(client.schemaProblems).toEqual([]);
      expect(client.socket.connected).toBe(true);
    });
    await fc.assert(property, { numRuns: 60 });
    expect(await storedMessages('mallory')).toBe(0);
  });
});

describe('a frame above the limit of the transport', () => {
  it('closes the connection, and the client comes back by itself', async () => {
    const giant = await app.connect('giant', {}, { reconnection: true, reconnectionDelay: 10 });
    const closed = once(giant.socket as unknown as EventTarget & NodeJS.EventEmitter, 'disconnect');
    const established = giant.next('replay_complete');
    giant.socket.emit('chat_message', message({ content: 'x'.repeat(1_000_001) }));
    const [reason] = (await closed) as [string];
    expect(reason).toMatch(/^transport (close|error)$/);
    await established;
    await expectAlive(giant);
  });
});
