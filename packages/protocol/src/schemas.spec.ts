import type { z } from 'zod';
import { MAX_CONTENT_BYTES, MAX_METADATA_CHARS, MAX_PAGE_SIZE, MAX_TOKEN_CHARS } from './constants';
import type { ErrorBody, ErrorEnvelope } from './errors';
import { CRITICAL_EVENTS, DURABLE_EVENT_TYPES, type DurableEvent, type EphemeralEventMap } from './events';
import { CLIENT_EVENT_NAMES, type AckFailure, type ClientEventName, type ClientRequestMap } from './requests';
import {
  type ackFailureSchema,
  clientRequestSchemas,
  componentReportSchema,
  durableEventDataSchemas,
  durableEventSchema,
  durableEventSchemas,
  ephemeralEventSchemas,
  errorEnvelopeSchema,
  handshakeAuthSchema,
  type messageViewSchema,
  requestResultSchemas,
  runViewSchema,
  schemaReasonOf,
  type threadViewSchema,
} from './schemas';
import type { AcceptedHandshake, ComponentReport, MessageView, RunView, ThreadView } from './views';

// Compile-time: each schema's output is exactly the hand-written type, by name where there are many.
type Flat<T> = T extends (...args: never[]) => unknown ? T : T extends object ? { [K in keyof T]: Flat<T[K]> } : T;
type Identical<A, B> = (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : never;
type Outputs<T> = { [K in keyof T]: z.output<T[K]> };
type Payloads = { [N in ClientEventName]: ClientRequestMap[N]['payload'] };
type Results = { [N in ClientEventName]: ClientRequestMap[N]['result'] };

const AGREEMENT: [
  Identical<Outputs<typeof clientRequestSchemas>, Payloads>,
  Identical<Outputs<typeof requestResultSchemas>, Results>,
  Identical<Outputs<typeof durableEventSchemas>, { [T in DurableEvent['type']]: DurableEvent<T> }>,
  Identical<z.output<typeof durableEventSchema>, DurableEvent>,
  Identical<Outputs<typeof ephemeralEventSchemas>, EphemeralEventMap>,
  Identical<z.output<typeof handshakeAuthSchema>, AcceptedHandshake>,
  Identical<z.output<typeof errorEnvelopeSchema>, ErrorEnvelope>,
  Identical<z.output<typeof ackFailureSchema>, AckFailure>,
  Identical<z.output<typeof runViewSchema>, RunView>,
  Identical<z.output<typeof threadViewSchema>, ThreadView>,
  Identical<z.output<typeof messageViewSchema>, MessageView>,
  Identical<z.output<typeof componentReportSchema>, ComponentReport>,
] = [true, true, true, true, true, true, true, true, true, true, true, true];

const ID = '019a8f00-0000-7000-8000-000000000001';
const NOW = '2026-11-21T17:30:00.000Z';

// The example of PROTOCOL.md section 5.
const body: ErrorBody = {
  code: 1005,
  component: 'Database',
  reason: 'DATABASE_UNAVAILABLE',
  message: 'Database session factory unavailable',
  user_id: 'user123',
  timestamp: NOW,
  details: { connection_timeout: 30, retries: 3 },
  root_cause: null,
  severity: 'critical',
  retryable: true,
  retry_after_ms: 2000,
  close_code: 4005,
  support_code: 'DATABASE_UNAVAILABLE_7K3F9QXM',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
  run_id: null,
  thread_id: null,
  help_url: '/errors/DATABASE_UNAVAILABLE',
  user_notification: {
    message: 'We could not save your message',
    severity: 'error',
    user_friendly_message: 'Our storage does not answer.',
    action_required: 'Wait a moment; we will try again for you',
    support_code: 'DATABASE_UNAVAILABLE_7K3F9QXM',
  },
};

const message = { client_message_id: 'm-1', content: 'Hello' };

const run: RunView = {
  run_id: ID,
  thread_id: ID,
  message_id: ID,
  agent: 'echo',
  status: 'running',
  attempt: 1,
  index: 5,
  text: 'Hello',
  position: 0,
  pending_input: null,
  error: null,
  created_at: NOW,
  started_at: NOW,
  finished_at: null,
};

/** The reason of the refusal, or null for one of structure alone; an acceptance fails the test. */
function refusal(schema: z.ZodType, value: unknown): string | null {
  const result = schema.safeParse(value);
  if (result.success) throw new Error(`accepted ${JSON.stringify(value).slice(0, 200)}`);
  return schemaReasonOf(result.error);
}

it('types and schemas name the same fields', () => {
  expect(AGREEMENT.every(Boolean)).toBe(true);
  expect(Object.keys(clientRequestSchemas)).toEqual(CLIENT_EVENT_NAMES);
  expect(Object.keys(requestResultSchemas)).toEqual(CLIENT_EVENT_NAMES);
  expect(Object.keys(durableEventDataSchemas)).toEqual(DURABLE_EVENT_TYPES);
  expect(Object.keys(durableEventSchemas)).toEqual(DURABLE_EVENT_TYPES);
});

describe('chat_message', () => {
  const schema = clientRequestSchemas.chat_message;

  it('accepts the least and the most, and drops unknown fields', () => {
    expect(schema.parse({ ...message, unknown: 1 })).toEqual(message);
    const full = { ...message, thread_id: ID, agent: 'echo', overlap: 'reject', metadata: { page: ['/a', null, 1] } };
    expect(schema.parse(full)).toEqual(full);
    expect(schema.parse({ ...message, thread_id: ID.toUpperCase() }).thread_id).toBe(ID);
  });

  it.each(['a'.repeat(MAX_CONTENT_BYTES), '€'.repeat(21_845), '😀'.repeat(16_384), ' ', '\n'])(
    'accepts content of up to 64 KB, white space too (%#)',
    (content) => {
      expect(schema.parse({ ...message, content }).content).toBe(content);
    },
  );

  it.each([
    ['', 'CONTENT_EMPTY'],
    ['a'.repeat(MAX_CONTENT_BYTES + 1), 'CONTENT_TOO_LARGE'],
    ['€'.repeat(21_846), 'CONTENT_TOO_LARGE'],
    [`${'😀'.repeat(16_384)}a`, 'CONTENT_TOO_LARGE'],
    ['a\u0000b', 'TEXT_INVALID'],
    ['a\ud83d', 'TEXT_INVALID'],
    ['\ude00', 'TEXT_INVALID'],
    [5, null],
    [null, null],
    [undefined, null],
    [['a'], null],
  ])('says why it refuses content (%#)', (content, reason) => {
    expect(refusal(schema, { ...message, content })).toBe(reason);
  });

  it('refuses metadata that cannot be stored', () => {
    const pad = { pad: 'x'.repeat(MAX_METADATA_CHARS - '{"pad":""}'.length) };
    expect(schema.parse({ ...message, metadata: pad }).metadata).toEqual(pad);
    expect(refusal(schema, { ...message, metadata: { pad: `${pad.pad}x` } })).toBeNull();
    expect(refusal(schema, { ...message, metadata: { a: [{ b: 'x\u0000' }] } })).toBe('TEXT_INVALID');
    expect(refusal(schema, { ...message, metadata: { a: { 'k\ud83d': 1 } } })).toBe('TEXT_INVALID');
    expect(refusal(schema, { ...message, metadata: [] })).toBeNull();
    expect(refusal(schema, { ...message, metadata: 'text' })).toBeNull();
  });

  it('answers metadata of any depth instead of overflowing the stack', () => {
    const deep: unknown = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
    expect(refusal(schema, { ...message, metadata: { deep } })).toBeNull();
  });

  it.each([
    { client_message_id: '' },
    { client_message_id: 'a'.repeat(65) },
    { client_message_id: 'a b' },
    { client_message_id: 'a\n' },
    { client_message_id: undefined },
    { client_message_id: 7 },
    { thread_id: 'no-uuid' },
    { thread_id: null },
    { agent: '../echo' },
    { overlap: 'queue' },
  ])('refuses %j', (wrong) => {
    expect(refusal(schema, { ...message, ...wrong })).toBeNull();
  });
});

describe('other requests', () => {
  it.each([undefined, null, 'text', 5, [], true])('refuse %j as a payload', (payload) => {
    for (const name of CLIENT_EVENT_NAMES) expect(refusal(clientRequestSchemas[name], payload)).toBeNull();
  });

  it('read their least', () => {
    expect(clientRequestSchemas.health_check.parse({ anything: 1 })).toEqual({});
    expect(clientRequestSchemas.thread_list.parse({})).toEqual({});
    expect(clientRequestSchemas.run_get.parse({ run_id: ID })).toEqual({ run_id: ID });
    expect(clientRequestSchemas.events_ack.parse({ cursor: 'abcdefgh:7' })).toEqual({ cursor: 'abcdefgh:7' });
  });

  it('bound a page', () => {
    const schema = clientRequestSchemas.thread_history;
    expect(schema.parse({ thread_id: ID, limit: MAX_PAGE_SIZE }).limit).toBe(MAX_PAGE_SIZE);
    for (const limit of [0, -1, 1.5, MAX_PAGE_SIZE + 1, '5', NaN])
      expect(refusal(schema, { thread_id: ID, limit })).toBeNull();
    expect(refusal(schema, { thread_id: ID, before: 'a\u0000' })).toBe('TEXT_INVALID');
  });

  it('say that a cursor or a token cannot be read', () => {
    for (const cursor of [undefined, 5, '', 'abcdefgh:x']) {
      expect(refusal(clientRequestSchemas.events_ack, { cursor })).toBe('CURSOR_INVALID');
    }
    expect(refusal(clientRequestSchemas.auth_refresh, {})).toBe('AUTH_TOKEN_MISSING');
  });

  it('take any JSON as an input, but none that is missing or unfit to store', () => {
    const schema = clientRequestSchemas.input_submit;
    const ids = { run_id: ID, input_id: ID };
    for (const value of [null, false, 0, '', [], { yes: true }])
      expect(schema.parse({ ...ids, value }).value).toEqual(value);
    expect(refusal(schema, ids)).toBeNull();
    expect(refusal(schema, { ...ids, value: ['\u0000'] })).toBe('TEXT_INVALID');
  });
});

describe('the handshake', () => {
  it('fills in what is optional', () => {
    expect(handshakeAuthSchema.parse({ token: 't' })).toEqual({
      protocol: 1,
      token: 't',
      device_id: 'default',
      ack: 'auto',
    });
  });

  it('reads what clients that can only send strings send', () => {
    const auth = {
      token: 't',
      protocol: '1',
      device_id: 'phone',
      cursor: 'abcdefgh:42',
      ack: 'manual',
      locale: 'de-CH',
      extra: 1,
    };
    expect(handshakeAuthSchema.parse(auth)).toEqual({
      token: 't',
      protocol: 1,
      device_id: 'phone',
      cursor: { epoch: 'abcdefgh', seq: 42 },
      ack: 'manual',
      locale: 'de-CH',
    });
    expect(handshakeAuthSchema.parse({ token: 't', protocol: 1 }).protocol).toBe(1);
  });

  it.each([
    [{}, 'AUTH_TOKEN_MISSING'],
    [{ token: '' }, 'AUTH_TOKEN_MISSING'],
    [{ token: 5 }, 'AUTH_TOKEN_MISSING'],
    [{ token: { length: 1 } }, 'AUTH_TOKEN_MISSING'],
    [{ token: 't'.repeat(MAX_TOKEN_CHARS + 1) }, 'AUTH_TOKEN_MALFORMED'],
    [{ token: 't', protocol: 2 }, 'PROTOCOL_VERSION_UNSUPPORTED'],
    [{ token: 't', protocol: '01' }, 'PROTOCOL_VERSION_UNSUPPORTED'],
    [{ token: 't', protocol: null }, 'PROTOCOL_VERSION_UNSUPPORTED'],
    [{ token: 't', protocol: [1] }, 'PROTOCOL_VERSION_UNSUPPORTED'],
    [{ token: 't', protocol: Object.create(null) as unknown }, 'PROTOCOL_VERSION_UNSUPPORTED'],
    [{ token: 't', cursor: 'abcdefgh' }, 'CURSOR_INVALID'],
    [{ token: 't', cursor: 7 }, 'CURSOR_INVALID'],
    [{ token: 't', device_id: 'a b' }, null],
    [{ token: 't', device_id: '' }, null],
    [{ token: 't', ack: 'never' }, null],
    [{ token: 't', locale: 5 }, null],
    [{ token: 't', locale: 'x'.repeat(257) }, null],
    [null, null],
    ['token', null],
  ])('says why it refuses (%#)', (auth, reason) => {
    expect(refusal(handshakeAuthSchema, auth)).toBe(reason);
  });

  it('reads a text that is no BCP 47 tag as no locale', () => {
    for (const locale of ['', 'C.UTF-8', 'de_CH', '../en', 'a'.repeat(36)]) {
      expect(handshakeAuthSchema.parse({ token: 't', locale }).locale).toBeUndefined();
    }
  });
});

describe('errors on the wire', () => {
  it('reads the example of section 5 as it stands', () => {
    expect(errorEnvelopeSchema.parse({ type: 'error', error: body })).toEqual({ type: 'error', error: body });
  });

  it.each<Partial<Record<keyof ErrorBody, unknown>>>([
    { component: 'Redis' },
    { code: 1001 },
    { close_code: 1005 },
    { close_code: 4006 },
    { support_code: 'REDIS_UNAVAILABLE_7K3F9QXM' },
    { support_code: 'DATABASE_UNAVAILABLE_7K3F9QXI' },
    { help_url: '/errors/ANOTHER' },
    { timestamp: '2026-11-21T17:30:00Z' },
    { timestamp: '2026-11-21T17:30:00.000+01:00' },
    { severity: 'fatal' },
    { user_notification: { ...body.user_notification, support_code: 'DATABASE_UNAVAILABLE_00000000' } },
    { user_notification: null },
    { retryable: undefined },
  ])('refuses an error that contradicts the document: %j', (wrong) => {
    expect(errorEnvelopeSchema.safeParse({ type: 'error', error: { ...body, ...wrong } }).success).toBe(false);
  });
});

describe('events on the wire', () => {
  const completed = {
    type: 'agent_completed',
    id: 'abcdefgh:9',
    epoch: 'abcdefgh',
    seq: 9,
    timestamp: NOW,
    user_id: 'alice',
    thread_id: ID,
    run_id: ID,
    attempt: 1,
    path: null,
    critical: true,
    recovered: false,
    data: { message_id: ID, content: 'Hello', usage: null, duration_ms: 3 },
  };

  it('reads a durable event by its type', () => {
    expect(durableEventSchema.parse({ ...completed, of_a_later_version: 1 })).toEqual(completed);
    expect(durableEventSchemas.agent_completed.parse(completed)).toEqual(completed);
  });

  it.each([
    { id: 'abcdefgh:8' },
    { critical: false },
    { type: 'agent_started' },
    { seq: 0 },
    { attempt: 0 },
    { user_id: '' },
    { run_id: '2f1b1a52-5f6f-4b7e-9a52-0d5d3f0e6d11' },
    { path: undefined },
    { data: {} },
  ])('refuses one that contradicts the document: %j', (wrong) => {
    expect(durableEventSchema.safeParse({ ...completed, ...wrong }).success).toBe(false);
  });

  it('knows for every type whether it is critical', () => {
    for (const type of DURABLE_EVENT_TYPES) {
      const issues = durableEventSchemas[type].safeParse({ critical: !CRITICAL_EVENTS.has(type) }).error?.issues ?? [];
      expect(issues.map((issue) => issue.path.join('.'))).toContain('critical');
    }
  });

  it('reads a run and a delta', () => {
    expect(ephemeralEventSchemas.run_snapshot.parse(run)).toEqual(run);
    expect(runViewSchema.safeParse({ ...run, index: 4 }).success).toBe(false);
    const delta = { run_id: ID, attempt: 1, path: null, index: 0, text: 'Hello' };
    expect(ephemeralEventSchemas.agent_delta.parse(delta)).toEqual(delta);
    expect(ephemeralEventSchemas.agent_delta.safeParse({ ...delta, text: '\ud83d' }).success).toBe(false);
  });

  it('reads a report with details and one without', () => {
    const report = {
      healthy: true,
      status: 'degraded',
      failed_components: [],
      degraded_components: ['queues'],
      component_details: {
        database: { status: 'healthy' },
        queues: { status: 'degraded', latency_ms: 2.5, since: NOW },
      },
      error_suggestions: [],
      summary: 'queues are degraded',
    };
    expect(componentReportSchema.parse(report)).toEqual(report);
    expect(componentReportSchema.safeParse({ ...report, degraded_components: ['mail'] }).success).toBe(false);
  });
});
