import type { AppConfig } from '../config';
import { CATALOGUE, isReason } from '../errors';
import { causesOf, componentOf } from './causes';
import { type AlertState, observe, type Sighting, tick } from './lifecycle';
import type { AlertAction } from './notice';
import { type Facts, type FailureCount, hasOwnRule, isFailed, RULES } from './rules';

/** Nobody is told of what a silence covers. Null covers everything. */
export interface Silence {
  readonly id: string;
  readonly rule: string | null;
  readonly group_key: string | null;
}

/** What is to be stored, and of what somebody is to be told. */
export interface Evaluation {
  readonly changed: readonly AlertState[];
  readonly actions: readonly { readonly alert: AlertState; readonly action: AlertAction }[];
}

/** A failure may be recorded a moment before health finds its cause, and told a moment after that is over. */
const COVER_MS = 15_000;
/** After that a component that failed for a moment, of which nobody was told, is a degraded one. */
const LINGER_MS = 60_000;

/** Applies the rules to what is, and time to the alerts. Pure: what it decides depends on nothing but its arguments. */
export class Evaluator {
  constructor(
    private readonly settings: AppConfig['alerts'],
    private readonly newId: () => string,
  ) {}

  /** @param known the last alert of each rule and group, open or ended not long ago */
  evaluate(known: readonly AlertState[], facts: Facts, silences: readonly Silence[]): Evaluation {
    const before = new Map(known.map((alert) => [keyOf(alert), alert]));
    const after = new Map(before);
    for (const sighting of this.sightings(known, facts)) {
      const key = keyOf(sighting);
      after.set(key, observe(after.get(key), sighting, this.newId));
    }
    const actions: { alert: AlertState; action: AlertAction }[] = [];
    for (const [key, alert] of after) {
      const muted = inhibitedBy(alert, [...after.values()], facts) ?? silencedBy(alert, silences);
      const { alert: next, action } = tick(alert, this.timingOf(alert.rule), muted, facts.now);
      after.set(key, next);
      if (action !== null) actions.push({ alert: next, action });
    }
    const changed = [...after].filter(([key, alert]) => alert !== before.get(key)).map(([, alert]) => alert);
    return { changed, actions };
  }

  private sightings(known: readonly AlertState[], facts: Facts): Sighting[] {
    const failures = facts.failures.filter((failure) => !isCovered(failure, known, facts));
    const seen = RULES.flatMap(({ name, look }) =>
      look({ ...facts, failures }, this.settings).map((sighting) => ({ ...sighting, rule: name })),
    );
    return [...lingering(known, facts), ...seen];
  }

  private timingOf(name: string) {
    const rule = RULES.find((candidate) => candidate.name === name);
    // A rule that an older version had: its alerts end soon.
    return rule?.timing(this.settings) ?? { waitMs: Infinity, quietMs: 0, repeatMs: Infinity };
  }
}

function keyOf({ rule, group }: { rule: string; group: string }): string {
  return JSON.stringify([rule, group]);
}

/**
 * What failed and is degraded now is not over: who was told hears of its end when it is well. Nobody is told of a failure because of it, as `tick`
 * tells only of what is seen at this very moment; but of the next one.
 */
function lingering(known: readonly AlertState[], { health, now }: Facts): Sighting[] {
  return known
    .filter(({ rule, status, component, notified_at, opened_at }) => {
      const open = rule === 'component-failed' && status !== 'resolved';
      const lingers = notified_at !== null || now - opened_at < LINGER_MS;
      return open && lingers && health[component]?.status === 'degraded' && !hasOwnRule(component);
    })
    .map(({ rule, group, component, severity, summary, details }) => {
      return { rule, group, component, severity, summary, details, at: now - 1 };
    });
}

/** A failed component mutes what follows from it, and the other alerts about itself. */
function inhibitedBy(alert: AlertState, all: readonly AlertState[], { health, now }: Facts): string | null {
  const failed = (component: string): boolean =>
    (health[component] !== undefined && isFailed(health[component], component)) ||
    all.some((other) => other.rule === 'component-failed' && other.group === component && isAtWork(other, now));
  const cause = [...ownDisk(alert.component, health), ...causesOf(alert.component)].find(failed);
  if (cause !== undefined) return `component-failed ${cause}`;
  const told = toldOfCause(alert, all);
  if (told !== undefined) return `${told.rule} ${told.group}`;
  return alert.rule !== 'component-failed' && failed(alert.component) ? `component-failed ${alert.component}` : null;
}

/** What has the reason of a component that it stands on follows from what was told of that, by whatever rule. */
function toldOfCause(
  { component, details: { reason } }: AlertState,
  all: readonly AlertState[],
): AlertState | undefined {
  if (typeof reason !== 'string' || !isReason(reason)) return undefined;
  const cause = componentOf(CATALOGUE[reason].component, reason);
  if (!causesOf(component).includes(cause)) return undefined;
  return all.find((other) => other.component === cause && other.status !== 'resolved' && other.notified_at !== null);
}

/** Open; or over so soon that nobody was told, and over for a moment: what comes and goes keeps failing what follows from it. */
function isAtWork({ status, notified_at, resolved_at }: AlertState, now: number): boolean {
  return status !== 'resolved' || (notified_at === null && now - (resolved_at ?? 0) < COVER_MS);
}

/** The embedded PostgreSQL keeps its data in DATA_DIR, whose disk is the environment's: it ends with it, and says why only when it is started again. */
function ownDisk(component: string, health: Facts['health']): string[] {
  const embedded = health['database']?.details?.['embedded'] === true;
  return embedded && [component, ...causesOf(component)].includes('database') ? ['environment'] : [];
}

function silencedBy({ rule, group }: AlertState, silences: readonly Silence[]): string | null {
  const silence = silences.find(
    (candidate) =>
      (candidate.rule === null || candidate.rule === rule) &&
      (candidate.group_key === null || candidate.group_key === group),
  );
  return silence === undefined ? null : `silence ${silence.id}`;
}

/** A failure that belongs to the failure of a component, which has an alert of its own. */
function isCovered(
  { component, reason, severity, at }: FailureCount,
  known: readonly AlertState[],
  { health, now }: Facts,
): boolean {
  const own = componentOf(component, reason);
  const causes = new Set([own, ...causesOf(own), ...ownDisk(own, health)]);
  // A warning does not stand for what is critical in the same component.
  const covers = (cause: string, warning: boolean): boolean =>
    causes.has(cause) && !(warning && cause === own && severity === 'critical');
  const unwell = Object.entries(health).some(([cause, detail]) => {
    const failed = isFailed(detail, cause);
    return (failed || detail.status === 'degraded') && covers(cause, !failed);
  });
  return (
    (unwell && now - at < COVER_MS) ||
    known.some(
      ({ rule, group, opened_at, resolved_at }) =>
        (rule === 'component-failed' || rule === 'component-degraded') &&
        covers(group, rule === 'component-degraded') &&
        at >= opened_at - COVER_MS &&
        at <= (resolved_at ?? Infinity) + COVER_MS,
    )
  );
}
