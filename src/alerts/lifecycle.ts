import type { Severity } from '@clarion/protocol';
import type { AlertAction } from './notice';

/** Something that a rule sees now. */
export interface Sighting {
  readonly rule: string;
  /** What belongs together: one alert a rule and group. */
  readonly group: string;
  /** The component of the health report that it is about. */
  readonly component: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** When it was seen; milliseconds since the epoch, as all times here. */
  readonly at: number;
}

/** One alert, from when something was first seen until it has not been seen for long enough. */
export interface AlertState extends Omit<Sighting, 'at'> {
  readonly id: string;
  readonly status: 'pending' | 'firing' | 'resolved';
  readonly opened_at: number;
  readonly last_seen_at: number;
  /** When somebody was told last; null: nobody has been. */
  readonly notified_at: number | null;
  readonly resolved_at: number | null;
  readonly acknowledged_by: string | null;
  /** Alerts of the same rule and group that ended shortly before, one after the other. */
  readonly flaps: number;
  /** Why nobody is told although it is time; null where nothing mutes it. */
  readonly muted_by: string | null;
}

/** Times of a rule in milliseconds. */
export interface Timing {
  /** How long something has to be seen before anybody is told. */
  readonly waitMs: number;
  /** How long it must not have been seen before it is over. */
  readonly quietMs: number;
  readonly repeatMs: number;
}

/** What comes again within this time of its end is flapping: its end then has to be quiet for longer each time. */
export const FLAP_WINDOW_MS = 900_000;
const LONGEST_QUIET_MS = 600_000;

/** How long an alert must not have been seen before it is over: twice as long for each flap, up to ten minutes. */
export function quietFor({ quietMs }: Timing, flaps: number): number {
  return Math.max(quietMs, Math.min(LONGEST_QUIET_MS, quietMs * 2 ** Math.min(flaps, 20)));
}

/**
 * The alert of what is seen: the one that is open, or a new one.
 * @param before the last alert of this rule and group
 */
export function observe(before: AlertState | undefined, sighting: Sighting, id: () => string): AlertState {
  const { at, ...seen } = sighting;
  if (before !== undefined && before.status !== 'resolved') {
    return { ...before, ...seen, last_seen_at: Math.max(before.last_seen_at, at) };
  }
  // Of those too that were over before anybody was told: what never lasts as long as the wait, and always returns, is told in the end.
  const flapping = before?.resolved_at != null && at - before.resolved_at < FLAP_WINDOW_MS;
  return {
    ...seen,
    id: id(),
    status: 'pending',
    opened_at: at,
    last_seen_at: at,
    notified_at: null,
    resolved_at: null,
    acknowledged_by: null,
    flaps: flapping ? before.flaps + 1 : 0,
    muted_by: null,
  };
}

/**
 * What time does to an open alert, and whether somebody is to be told of it. An alert that nobody was told of ends silently; one that
 * somebody was told of is always told to be over.
 * @param mutedBy why nobody is to be told of it now
 */
export function tick(
  alert: AlertState,
  timing: Timing,
  mutedBy: string | null,
  now: number,
): { readonly alert: AlertState; readonly action: AlertAction | null } {
  if (alert.status === 'resolved') return { alert, action: null };
  if (now - alert.last_seen_at >= quietFor(timing, alert.flaps)) {
    const resolved = { ...alert, status: 'resolved' as const, resolved_at: now, muted_by: null };
    return { alert: resolved, action: alert.notified_at === null ? null : 'resolve' };
  }
  const told = alert.notified_at;
  // What is seen no longer is about to end: nobody is told of it only because what muted it has ended a moment before.
  const lasting = alert.last_seen_at >= now && alert.last_seen_at - alert.opened_at >= timing.waitMs;
  const due = told === null ? lasting : now - told >= timing.repeatMs;
  const wanted = due && (told === null || alert.acknowledged_by === null);
  if (!wanted) return { alert, action: null };
  if (mutedBy !== null) return { alert: { ...alert, status: 'firing', muted_by: mutedBy }, action: null };
  const firing = { ...alert, status: 'firing' as const, notified_at: now, muted_by: null };
  return { alert: firing, action: told === null ? 'trigger' : 'repeat' };
}
