import { setTimeout as delay } from 'node:timers/promises';
import type { ComponentDetail, ErrorBody } from '@clarion/protocol';
import { TERMINAL_EVENTS } from '@clarion/protocol';
import { runLookup } from '../../../src/cli/lookup/run-lookup';
import { CATALOGUE, type Reason } from '../../../src/errors';
import type { Injection } from './injections';
import type { CellToRun, Fault, Row } from './matrix';
import { type LoggedFailure, Observed } from './observed';
import type { Result } from './results';
import { type Act, MatrixUser, type Outcome } from './user';
import type { World } from './world';

const TOLD_WITHIN_MS = 2_000;
const FAILS_WITHIN_MS = 10_000;
const HEALED_WITHIN_MS = 10_000;
const NAMED_WITHIN_MS = 8_000;
const ALERTED_WITHIN_MS = 12_000;
/** The quiet time doubles with every return: what came and went three times before it was told is over after 12 s of quiet. */
const RESOLVED_WITHIN_MS = 30_000;
const KEPT_WITHIN_MS = 8_000;
const ENDED_WITHIN_MS = 15_000;
const PAUSE_MS = 100;
const ALERTS_LOOK_EVERY_MS = 1_200;
const LOGGED_WITHIN_MS = 2_000;
/** Beyond this the machine is not well that tests, which no fault of a cell does. */
const LAG_MS = 250;
/** Of records that no file takes either, each is counted and one in a minute is logged. */
const SAID_SELDOM = 'SPOOL_WRITE_FAILED';
const LEVELS = { critical: 'fatal', error: 'error', warning: 'warn', info: 'info' } as const;

type Occurrence = Pick<ErrorBody, 'reason' | 'severity' | 'support_code'>;

/** One cell, and how it is brought about. */
export interface Play {
  readonly name: string;
  readonly row: Row;
  readonly fault: Fault;
  readonly reasons: readonly Reason[];
  readonly kind: CellToRun['kind'];
  readonly inject: Injection;
  readonly act: Act;
}

/** Breaks one thing, looks at everything that has to follow, mends it, and looks again. */
export async function playCell(world: World, play: Play): Promise<Result> {
  await untilWell(world);
  await letTimePass(world);
  await untilNoAlert(world);
  await letTimePass(world);
  // Without the database alerts go by what they saw in it last.
  await delay(ALERTS_LOOK_EVERY_MS);
  world.servers.webhook.reset();
  const observed = await Observed.begin(world);
  const user = await MatrixUser.connect(world, play.name);
  await user.beginRun();
  const health = new HealthWatch(world);
  const heal = await play.inject(world);
  let ended = false;
  let endUse = async (): Promise<void> => undefined;
  try {
    const { error, ms } = play.kind === 'told' ? await firstFailure(user, play) : await noted(observed, play.reasons);
    if (ms !== null) expectCoded(error, ms, play);
    else expect(await play.act(user)).toMatchObject({ kind: 'served' });
    await expectLogged(error, observed);
    endUse = keepUsing(user, play);
    await health.until(play.row.health);
    if (play.row.also) await health.until(play.row.also.component, play.row.also.reason);
    await alerted(observed, 'trigger', ALERTED_WITHIN_MS);
    await endUse();
    await heal();
    ended = true;
    const healed = await untilHealed(world, user, play.act);
    await health.stop();
    health.expectOnly(play.row);
    await expectAllKept(world, observed);
    await expectLookedUp(world, error, play.row);
    await expectNothingLost(user);
    const alert = await expectOneAlert(world, observed, play.row);
    return { reason: error.reason, support_code: error.support_code, told_ms: ms, alert, healed_ms: healed };
  } finally {
    await endUse();
    if (!ended) await heal();
    await health.stop();
    user.client.close();
  }
}

/** What comes and goes is seen by those who go on to ask, not by a look now and then. @returns what ends it */
function keepUsing(user: MatrixUser, { fault, kind, act }: Play): () => Promise<void> {
  if (fault !== 'flapping' || kind !== 'told') return async () => undefined;
  let over = false;
  const using = (async () => {
    for (; !over; await delay(PAUSE_MS)) await act(user);
  })();
  return () => {
    over = true;
    return using;
  };
}

/** Breaks one of several, and looks whether anybody notices. */
export async function playSurvival(world: World, play: Play): Promise<Result> {
  await untilWell(world);
  const observed = await Observed.begin(world);
  world.servers.webhook.reset();
  const user = await MatrixUser.connect(world, play.name);
  await user.beginRun();
  const health = new HealthWatch(world);
  const heal = await play.inject(world);
  try {
    const { kind, ms } = await play.act(user);
    expect(kind).toBe('served');
    await heal();
    const began = performance.now();
    await until(() => world.victim.answers('/health/ready'), HEALED_WITHIN_MS, 'the process is ready');
    await expectNothingLost(user);
    await health.stop();
    health.expectNothing();
    expect(observed.failures).toEqual([]);
    expect(observed.alerts).toEqual([]);
    return { reason: '', support_code: '', told_ms: ms, alert: null, healed_ms: Math.round(performance.now() - began) };
  } finally {
    await health.stop();
    user.client.close();
  }
}

async function until<T>(
  find: () => Promise<T | undefined> | T | undefined,
  limitMs: number,
  what: string | (() => Promise<string> | string),
): Promise<T> {
  for (const deadline = performance.now() + limitMs; ; await delay(PAUSE_MS)) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > deadline)
      throw new Error(`Not within ${limitMs} ms: ${typeof what === 'string' ? what : await what()}`);
  }
}

/** Components that are not well. What only says that this machine is busy is left out. */
async function unwell(world: World): Promise<Map<string, ComponentDetail>> {
  const reports = await Promise.all(world.processes.map((clarion) => world.health(clarion)));
  const details = reports.flatMap((report) => Object.entries(report));
  return new Map(
    details.filter(([, { status, details: figures = {} }]) => {
      const lag = figures['event_loop_lag_ms'];
      return (status === 'failed' || status === 'degraded') && !(typeof lag === 'number' && lag > LAG_MS);
    }),
  );
}

async function untilWell(world: World): Promise<void> {
  let found = new Map<string, ComponentDetail>();
  const well = async () => ((found = await unwell(world)).size === 0 ? true : undefined);
  try {
    await until(well, HEALED_WITHIN_MS, 'everything is well');
  } catch (cause) {
    throw new Error(`Not well: ${JSON.stringify([...found])}`, { cause });
  }
}

/** So that no cell is seen as the return of what was in the one before. */
async function letTimePass(world: World): Promise<void> {
  const hour = (...columns: string[]) =>
    columns.map((column) => `${column} = ${column} - interval '1 hour'`).join(', ');
  await world.rows(`UPDATE alerts SET ${hour('opened_at', 'last_seen_at', 'notified_at', 'resolved_at')}`);
  await world.rows(`UPDATE error_records SET ${hour('occurred_at', 'last_at')}`);
}

async function firstFailure(user: MatrixUser, { act }: Play): Promise<Extract<Outcome, { kind: 'told' }>> {
  return until(
    async () => {
      const outcome = await act(user);
      if (outcome.kind === 'silent')
        throw new Error(`A request got neither an answer nor an error in ${outcome.ms} ms`);
      return outcome.kind === 'told' ? outcome : undefined;
    },
    FAILS_WITHIN_MS,
    'a failure that concerns the user',
  );
}

/** The first failure on record with one of these reasons, of whatever process. */
async function noted(observed: Observed, reasons: readonly string[]): Promise<{ error: LoggedFailure; ms: null }> {
  const find = () => observed.failures.find(({ reason }) => reasons.includes(reason));
  return { error: await until(find, FAILS_WITHIN_MS, `a record of ${reasons.join(' or ')}`), ms: null };
}

function expectCoded(error: ErrorBody, ms: number, { row, reasons }: Play): void {
  expect(reasons).toContain(error.reason);
  expect(error).toMatchObject({
    component: row.component,
    severity: CATALOGUE[error.reason as Reason].severity,
    support_code: expect.stringMatching(new RegExp(`^${error.reason}_[0-9A-HJKMNP-TV-Z]{8}$`)) as unknown,
    root_cause: null,
  });
  expect(error.user_notification.user_friendly_message).not.toBe('');
  expect(ms).toBeLessThanOrEqual(TOLD_WITHIN_MS);
}

async function expectLogged(error: Occurrence, observed: Observed): Promise<void> {
  const found = () => observed.failures.filter(({ support_code }) => support_code === error.support_code);
  // What a process writes takes its time through the pipe.
  await until(() => (found().length > 0 ? true : undefined), LOGGED_WITHIN_MS, 'a log line of the failure');
  const lines = found();
  expect(lines.map(({ level, reason }) => ({ level, reason }))).toEqual([
    { level: LEVELS[error.severity], reason: error.reason },
  ]);
}

async function alerted(observed: Observed, action: string, limitMs: number): Promise<void> {
  await until(
    () => observed.alerts.find((alert) => alert.action === action),
    limitMs,
    () => `an alert to ${action}; alerts: ${JSON.stringify(observed.alerts)}`,
  );
}

/** Until the user is served and every component is well. */
async function untilHealed(world: World, user: MatrixUser, act: Act): Promise<number> {
  const began = performance.now();
  await until(
    async () => ((await act(user)).kind === 'served' ? true : undefined),
    HEALED_WITHIN_MS,
    'the user is served',
  );
  await untilWell(world);
  const healed = Math.round(performance.now() - began);
  expect(healed).toBeLessThanOrEqual(HEALED_WITHIN_MS);
  return healed;
}

/** One log line, one record and one count for every failure that there was. */
async function expectAllKept(world: World, observed: Observed): Promise<void> {
  const kept = async () => {
    const codes = observed.failures.map(({ support_code }) => support_code);
    const rows = await world.rows<{ support_code: string }>(
      'SELECT support_code FROM error_records WHERE support_code = ANY($1)',
      [codes],
    );
    return rows.length === new Set(codes).size && rows.length === codes.length ? true : undefined;
  };
  await until(kept, KEPT_WITHIN_MS, 'a record of every failure that was logged');
  for (const clarion of world.processes) {
    const counted = await observed.countedBy(clarion);
    const logged = Object.groupBy(observed.failuresOf(clarion), ({ reason }) => reason);
    const reasons = Object.keys(logged).filter((reason) => reason !== SAID_SELDOM);
    const found = Object.fromEntries(reasons.map((reason) => [reason, counted.get(reason)]));
    const expected = Object.entries(logged).map(([reason, all]): [string, unknown] => [reason, all?.length]);
    expect(found).toEqual(Object.fromEntries(expected.filter(([reason]) => reason !== SAID_SELDOM)));
  }
}

/** The root cause: who looks the support code up finds the component that was broken. */
async function expectLookedUp(world: World, { support_code, reason }: Occurrence, row: Row): Promise<void> {
  const token = await world.servers.oidc.opaque('root', { scope: 'admin' });
  const { status, body } = await world.processes[0]!.get(`/admin/api/errors/${support_code}`, token);
  expect({ status, body }).toMatchObject({ status: 200, body: { support_code, reason, component: row.component } });
  const lines: string[] = [];
  await runLookup([support_code, `--url=${world.url}`, `--token=${token}`], (line) => lines.push(line));
  expect(lines.join('\n')).toContain(row.component);
}

/** Every accepted run has one end. */
async function expectNothingLost({ world, accepted }: MatrixUser): Promise<void> {
  const ends = await until(
    async () => {
      const rows = await world.rows<{ id: string; ends: number }>(
        `SELECT r.id, (SELECT count(*)::int FROM mailbox_events e WHERE e.user_id = r.user_id AND e.run_id = r.id AND e.type = ANY($2)) AS ends
         FROM runs r WHERE r.id = ANY($1) AND finished_at IS NOT NULL`,
        [accepted, [...TERMINAL_EVENTS]],
      );
      return rows.length === accepted.length ? rows : undefined;
    },
    ENDED_WITHIN_MS,
    'the end of every accepted run',
  );
  expect(ends.filter((run) => run.ends !== 1)).toEqual([]);
}

async function untilNoAlert(world: World): Promise<void> {
  const open = () =>
    world.rows(`SELECT rule, group_key, summary, details, muted_by FROM alerts WHERE status <> 'resolved'`);
  const none = async () => ((await open()).length === 0 ? true : undefined);
  await until(none, RESOLVED_WITHIN_MS, async () => `no alert is open, but ${JSON.stringify(await open())}`);
}

/** @returns its rule */
async function expectOneAlert(world: World, observed: Observed, row: Row): Promise<string> {
  await alerted(observed, 'resolve', RESOLVED_WITHIN_MS);
  await untilNoAlert(world);
  const { alerts } = observed;
  const [first] = alerts;
  expect(alerts).toMatchObject([
    { action: 'trigger', component: row.health },
    { action: 'resolve', alert_id: first?.alert_id },
  ]);
  return first?.rule ?? '';
}

/** Looks at the health report all the time. */
class HealthWatch {
  private readonly named = new Map<string, ComponentDetail>();
  private over = false;
  private readonly watching: Promise<void>;

  constructor(private readonly world: World) {
    this.watching = this.look();
  }

  async until(component: string, reason?: string): Promise<void> {
    const named = () => {
      const detail = this.named.get(component);
      return reason === undefined || detail?.reason === reason ? detail : undefined;
    };
    await until(named, NAMED_WITHIN_MS, `health names ${component} ${reason ?? ''}`);
  }

  stop(): Promise<void> {
    this.over = true;
    return this.watching;
  }

  /** What was named is the component, and what cannot be well without it. */
  expectOnly({ health, follows }: Row): void {
    const others = [...this.named].filter(([name]) => name !== health && !follows.some((known) => known === name));
    expect(others).toEqual([]);
    expect(this.named.get(health)).toMatchObject({ reason: expect.any(String), suggestion: expect.any(String) });
  }

  expectNothing(): void {
    expect([...this.named]).toEqual([]);
  }

  private async look(): Promise<void> {
    for (; !this.over; await delay(PAUSE_MS))
      for (const [name, detail] of await unwell(this.world)) this.named.set(name, detail);
  }
}
