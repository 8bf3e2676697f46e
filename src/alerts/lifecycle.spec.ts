import fc from 'fast-check';
import { type AlertState, observe, quietFor, type Sighting, tick, type Timing } from './lifecycle';
import type { AlertAction } from './notice';

const TIMING: Timing = { waitMs: 5_000, quietMs: 10_000, repeatMs: 60_000 };
const SECOND = 1_000;

const sighting = (at: number): Sighting => ({
  rule: 'r',
  group: 'g',
  component: 'database',
  severity: 'critical',
  summary: 's',
  details: {},
  at,
});

interface Told {
  readonly at: number;
  readonly action: AlertAction;
  readonly alert: AlertState;
}

/** Lives through the seconds: in each something is seen or not, and muted or not. */
function live(seconds: readonly { seen: boolean; muted: boolean }[]): { told: Told[]; last: AlertState | undefined } {
  const told: Told[] = [];
  let last: AlertState | undefined;
  let ids = 0;
  seconds.forEach(({ seen, muted }, second) => {
    const at = second * SECOND;
    if (seen) last = observe(last, sighting(at), () => `alert-${(ids += 1)}`);
    if (last === undefined) return;
    const { alert, action } = tick(last, TIMING, muted ? 'silence' : null, at);
    last = alert;
    if (action !== null) told.push({ at, action, alert });
  });
  return { told, last };
}

const second = fc.record({ seen: fc.boolean(), muted: fc.boolean() });
/** Stretches of the same, as outages are. */
const stretches = fc
  .array(fc.tuple(second, fc.integer({ min: 1, max: 90 })), { minLength: 1, maxLength: 25 })
  .map((parts) => parts.flatMap(([what, length]) => Array<typeof what>(length).fill(what)));

describe('the life of an alert', () => {
  it('is told by triggers and resolves in turn, each alert once', () => {
    fc.assert(
      fc.property(stretches, (seconds) => {
        const { told } = live(seconds);
        const turns = told.filter(({ action }) => action !== 'repeat');
        turns.forEach(({ action, alert }, index) => {
          expect(action).toBe(index % 2 === 0 ? 'trigger' : 'resolve');
          if (action === 'resolve') expect(turns[index - 1]!.alert.id).toBe(alert.id);
        });
        for (const { action, at } of told)
          if (action === 'trigger' || action === 'repeat') expect(seconds[at / SECOND]!.muted).toBe(false);
      }),
    );
  });

  it('begins after its wait and not in between, is repeated no sooner than asked, and ends only after quiet', () => {
    fc.assert(
      fc.property(stretches, (seconds) => {
        const { told } = live(seconds);
        const previous = new Map<string, number>();
        for (const { at, action, alert } of told) {
          if (action === 'trigger') expect(at - alert.opened_at).toBeGreaterThanOrEqual(TIMING.waitMs);
          if (action === 'repeat') expect(at - previous.get(alert.id)!).toBeGreaterThanOrEqual(TIMING.repeatMs);
          if (action === 'resolve')
            expect(at - alert.last_seen_at).toBeGreaterThanOrEqual(quietFor(TIMING, alert.flaps));
          previous.set(alert.id, at);
        }
      }),
    );
  });

  it('always ends when nothing is seen any more', () => {
    fc.assert(
      fc.property(stretches, (seconds) => {
        const { told, last } = live([...seconds, ...Array<typeof QUIET>(700).fill(QUIET)]);
        expect(last?.status ?? 'resolved').toBe('resolved');
        expect(told.filter(({ action }) => action === 'trigger')).toHaveLength(
          told.filter(({ action }) => action === 'resolve').length,
        );
      }),
      { numRuns: 50 },
    );
  });

  const QUIET = { seen: false, muted: false };

  it('is not told a hundred times of what comes and goes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 30 }), fc.integer({ min: 11, max: 60 }), (on, off) => {
        const period = [
          ...Array<typeof QUIET>(on).fill({ seen: true, muted: false }),
          ...Array<typeof QUIET>(off).fill(QUIET),
        ];
        const hour = Array.from({ length: 3_600 }, (_, index) => period[index % period.length]!);
        const triggers = live(hour).told.filter(({ action }) => action === 'trigger');
        // 10 s of quiet doubled until it is longer than the pause: at most four ends before it never ends.
        expect(triggers.length).toBeLessThanOrEqual(5);
      }),
      { numRuns: 30 },
    );
  });

  it('is told in the end of what never lasts as long as the wait, and returns again and again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 11, max: 60 }), (on, off) => {
        const period = [
          ...Array<typeof QUIET>(on).fill({ seen: true, muted: false }),
          ...Array<typeof QUIET>(off).fill(QUIET),
        ];
        const life = Array.from({ length: 8 }, () => period).flat();
        const turns = live(life).told.filter(({ action }) => action !== 'repeat');
        expect(turns.map(({ action }) => action)).toEqual(['trigger']);
        expect(live(period).told).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('is not repeated once somebody has acknowledged it', () => {
    const open = observe(
      observe(undefined, sighting(0), () => 'a'),
      sighting(5_000),
      () => 'b',
    );
    const { alert } = tick(open, TIMING, null, 5_000);
    const later = { ...alert, acknowledged_by: 'root', last_seen_at: 100_000 };
    expect(tick(later, TIMING, null, 100_000).action).toBeNull();
    expect(tick({ ...later, acknowledged_by: null }, TIMING, null, 100_000).action).toBe('repeat');
  });

  it('that was muted is told when that ends only if it is still seen', () => {
    const muted = Array.from({ length: 20 }, () => ({ seen: true, muted: true }));
    expect(live([...muted, QUIET, QUIET]).told).toEqual([]);
    expect(live([...muted, { seen: true, muted: false }]).told.map(({ action }) => action)).toEqual(['trigger']);
  });

  it('that nobody was told of ends without a word', () => {
    const { told } = live([{ seen: true, muted: false }, ...Array<typeof QUIET>(60).fill(QUIET)]);
    expect(told.filter(({ action }) => action === 'resolve')).toEqual([]);
  });
});
