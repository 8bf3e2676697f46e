import { SUPPORT_CODE_PATTERN } from '@clarion/protocol';
import fc from 'fast-check';
import { bodyOfRecord } from './body';
import { ALL_REASONS } from './catalogue';
import { ComponentError } from './component-error';
import { recordOf } from './record';
import { newSupportCode } from './support-code';

const AT = new Date('2026-11-21T17:30:00.000Z');
const CONTEXT = { operation: 'socket.chat_message', user_id: 'user123', trace_id: 'trace-1' };

function recordFor(error: ComponentError, thrown: unknown = error) {
  return recordOf({ thrown, error, context: CONTEXT, supportCode: 'DATABASE_UNAVAILABLE_7K3F9QXM', at: AT });
}

describe('the body of an error', () => {
  it('is exactly the example of PROTOCOL.md section 5', () => {
    const error = ComponentError.database('DATABASE_UNAVAILABLE', {
      details: { connection_timeout: 30, retries: 3, host: 'db.internal' },
      cause: Object.assign(new Error('connect ECONNREFUSED 10.0.0.5:5432'), { code: 'ECONNREFUSED' }),
    });
    expect(bodyOfRecord(recordFor(error))).toEqual({
      code: 1005,
      component: 'Database',
      reason: 'DATABASE_UNAVAILABLE',
      message: 'Database session factory unavailable',
      user_id: 'user123',
      timestamp: '2026-11-21T17:30:00.000Z',
      details: { connection_timeout: 30, retries: 3 },
      root_cause: null,
      severity: 'critical',
      retryable: true,
      retry_after_ms: 2000,
      close_code: 4005,
      support_code: 'DATABASE_UNAVAILABLE_7K3F9QXM',
      trace_id: 'trace-1',
      run_id: null,
      thread_id: null,
      help_url: '/errors/DATABASE_UNAVAILABLE',
      user_notification: {
        message: 'We could not save your message',
        severity: 'error',
        user_friendly_message: expect.stringMatching(/^Our storage/),
        action_required: 'Wait a moment; we will try again for you',
        support_code: 'DATABASE_UNAVAILABLE_7K3F9QXM',
      },
    });
  });

  it('shows nothing private of any reason: no detail that is not marked public, no root cause, no stack', () => {
    const property = fc.property(fc.constantFrom(...ALL_REASONS), fc.string({ minLength: 1 }), (reason, key) => {
      const secret = 'PRIVATE-VALUE';
      const cause = new Error(secret);
      const error = new ComponentError(reason, { details: { [`x_${key}`]: secret, sqlstate: secret }, cause });
      expect(JSON.stringify(bodyOfRecord(recordFor(error)))).not.toContain(secret);
      expect(JSON.stringify(bodyOfRecord(recordFor(error)))).not.toContain('body.spec');
    });
    fc.assert(property);
  });

  it('shows private details and the chain of causes to those who may see them', () => {
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const error = ComponentError.database('DATABASE_UNAVAILABLE', { details: { host: 'db', retries: 1 }, cause });
    expect(bodyOfRecord(recordFor(error), { exposeRootCause: true })).toMatchObject({
      details: { host: 'db', retries: 1 },
      root_cause: 'Error [ECONNREFUSED]: refused',
    });
  });

  it('has null where there are no public details', () => {
    expect(bodyOfRecord(recordFor(ComponentError.internal('INTERNAL_ERROR'))).details).toBeNull();
  });
});

describe('a record', () => {
  it('can be stored by PostgreSQL whatever was thrown: no U+0000, no lone surrogate, no secret, bounded', () => {
    const details = { text: 'a\u0000b\ud800c', token: 'abc', big: 'x'.repeat(100_000), n: 10n, deep: {} as object };
    details.deep = details;
    const thrown = new Error('bad \u0000 postgres://app:hunter2@db/x?token=s3cret');
    const text = JSON.stringify(recordFor(ComponentError.internal('INTERNAL_ERROR', { details, cause: thrown })));
    expect(text).not.toMatch(/\\u0000|\\ud800|hunter2|s3cret|"abc"/);
    expect(text.length).toBeLessThan(60_000);
  });

  it('leaves out ids that are no UUIDs, which would cost the whole record', () => {
    const error = ComponentError.internal('INTERNAL_ERROR');
    const run_id = '018f2f6e-7b1a-7cc0-8000-000000000001';
    const context = { operation: 'test', run_id, thread_id: 'not a uuid' };
    const record = recordOf({ thrown: error, error, context, supportCode: 'X', at: AT });
    expect(record).toMatchObject({ run_id, thread_id: null });
  });

  it('has one fingerprint for one cause and another for another', () => {
    const errors = [1, 2].map(() => ComponentError.internal('INTERNAL_ERROR'));
    const [first, second] = errors.map((error) => recordFor(error).fingerprint);
    expect(first).toBe(second);
    expect(recordFor(ComponentError.database('DATABASE_TIMEOUT')).fingerprint).not.toBe(first);
  });
});

describe('a support code', () => {
  it('has the form of the protocol and is new each time', () => {
    const codes = Array.from({ length: 1_000 }, () => newSupportCode('RATE_LIMITED'));
    expect(codes.every((code) => SUPPORT_CODE_PATTERN.test(code))).toBe(true);
    expect(new Set(codes).size).toBe(codes.length);
  });
});
