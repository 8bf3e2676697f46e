import fc from 'fast-check';
import { SessionLifetime } from './session-lifetime';

const LIMITS = { leewayMs: 30_000, graceMs: 600_000 };
const END = 1_000_000_000;

const lifetime = () => new SessionLifetime(END, LIMITS);

describe('the lifetime of a session', () => {
  it('warns once, a minute before the end', () => {
    const session = lifetime();
    expect(session.due(END - 60_001, false)).toBe('nothing');
    expect(session.due(END - 60_000, false)).toBe('warning');
    expect(session.due(END - 59_000, false)).toBe('nothing');
  });

  it('ends when nothing would accept its token any more', () => {
    const session = lifetime();
    session.due(END, false);
    expect(session.due(END + 29_999, false)).toBe('nothing');
    expect(session.due(END + 30_000, false)).toBe('end');
  });

  it('is prolonged by a new token, whose end is warned of again', () => {
    const session = lifetime();
    session.due(END, false);
    session.renew(END + 3_600_000);
    expect(session.due(END + 30_000, false)).toBe('nothing');
    expect(session.due(END + 3_600_000 - 60_000, false)).toBe('warning');
    expect(session.due(END + 3_600_000 + 30_000, false)).toBe('end');
  });

  it('goes on beyond its end while the auth service is down, for the grace and no longer', () => {
    const session = lifetime();
    session.due(END, true);
    expect(session.due(END + 599_999, true)).toBe('nothing');
    expect(session.due(END + 600_000, true)).toBe('end');
    expect(session.due(END + 40_000, false)).toBe('end');
  });

  it('never ends sooner for an outage', () => {
    const session = new SessionLifetime(END, { leewayMs: 30_000, graceMs: 0 });
    session.due(END, true);
    expect(session.due(END + 29_999, true)).toBe('nothing');
    expect(session.due(END + 30_000, true)).toBe('end');
  });

  it('warns before it ends, and never twice, however often it is looked at', () => {
    const moments = fc.array(fc.tuple(fc.integer({ min: -200_000, max: 700_000 }), fc.boolean()));
    fc.assert(
      fc.property(moments, (looks) => {
        const session = lifetime();
        const ordered = [...looks].sort(([a], [b]) => a - b);
        const found = ordered.map(([at, outage]) => ({ at, outage, due: session.due(END + at, outage) }));
        expect(found.filter(({ due }) => due === 'warning').length).toBeLessThanOrEqual(1);
        for (const { at, outage, due } of found) {
          expect(due === 'end').toBe(at >= (outage ? LIMITS.graceMs : LIMITS.leewayMs));
          if (due === 'warning') expect(at).toBeGreaterThanOrEqual(-60_000);
        }
      }),
    );
  });
});
