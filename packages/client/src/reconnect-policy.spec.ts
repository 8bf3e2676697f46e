import { backoffMs } from './backoff';
import { ReconnectPolicy } from './reconnect-policy';
import { serverError } from './scripted-server.fixture';

const BOUNDS = { minMs: 200, maxMs: 10_000 };
const lost = { kind: 'lost', byServer: false, error: null, askedMs: null, livedMs: 0 } as const;

describe('waiting before the next try', () => {
  it('doubles up to its bound, between half and whole', () => {
    const least = [1, 2, 3, 4, 20].map((failures) => backoffMs(failures, null, BOUNDS, 0));
    expect(least).toEqual([100, 200, 400, 800, 5_000]);
    expect(backoffMs(20, null, BOUNDS, 0.999_999)).toBe(10_000);
  });

  it('is never shorter than the server asked, and spread beyond it', () => {
    expect(backoffMs(1, 30_000, BOUNDS, 0)).toBe(30_000);
    expect(backoffMs(1, 30_000, BOUNDS, 1)).toBe(37_500);
    expect(backoffMs(9, 1, BOUNDS, 0)).toBe(5_000);
  });
});

describe('what follows the end of a connection', () => {
  const delays = (policy: ReconnectPolicy, livedMs: number): (number | null)[] =>
    Array.from({ length: 3 }, () => {
      const next = policy.after({ ...lost, livedMs });
      return next.kind === 'again' ? next.delayMs : null;
    });

  it('is a longer wait each time it did not last, and a short one when it did', () => {
    const policy = new ReconnectPolicy(BOUNDS, () => 0);
    expect(delays(policy, 4_999)).toEqual([100, 200, 400]);
    expect(delays(policy, 5_000)).toEqual([100, 100, 100]);
  });

  it('does not mistake an error of a lost transport for the last word', () => {
    const error = serverError('PACKET_INVALID', { close_code: 4504 });
    expect(new ReconnectPolicy(BOUNDS).after({ ...lost, error })).toMatchObject({ kind: 'again' });
    expect(new ReconnectPolicy(BOUNDS).after({ ...lost, error, byServer: true })).toMatchObject({
      kind: 'stop',
      error,
    });
    expect(new ReconnectPolicy(BOUNDS).after({ ...lost, byServer: true })).toMatchObject({ kind: 'again' });
  });
});
