import { randomUUID } from 'node:crypto';
import type { Component, ComponentDetail, ComponentStatus } from '@clarion/protocol';
import { loadConfig } from '../config';
import { Evaluator } from './evaluate';
import type { AlertState } from './lifecycle';

const SECOND = 1_000;
const settings = loadConfig({
  ALERT_WAIT_MS: '5000',
  ALERT_QUIET_MS: '10000',
  ALERT_DEGRADED_WAIT_MS: '300000',
}).alerts;

/** What is told of a component that has each of these statuses for a second. */
function live(statuses: readonly ComponentStatus[]): string[] {
  let ids = 0;
  const evaluator = new Evaluator(settings, () => `alert-${(ids += 1)}`);
  const known = new Map<string, AlertState>();
  return statuses.flatMap((status, second) => {
    const unwell = status === 'failed' || status === 'degraded';
    const auth: ComponentDetail = { status, ...(unwell ? { reason: 'AUTH_SERVICE_UNAVAILABLE', error: 'away' } : {}) };
    const facts = { now: second * SECOND, health: { auth }, failures: [], tasks: [] };
    const { changed, actions } = evaluator.evaluate([...known.values()], facts, []);
    for (const alert of changed) known.set(alert.rule, alert);
    return actions.map(({ alert, action }) => `${action} ${alert.rule}`);
  });
}

const times = (count: number, ...statuses: ComponentStatus[]) => Array<typeof statuses>(count).fill(statuses).flat();

describe('a component that comes and goes', () => {
  it('has one alert for its failures and its better moments, until it is well', () => {
    expect(live([...times(6, 'failed'), ...times(60, 'degraded'), ...times(3, 'failed')])).toEqual([
      'trigger component-failed',
    ]);
    expect(live([...times(6, 'failed'), ...times(60, 'degraded'), ...times(11, 'healthy')])).toEqual([
      'trigger component-failed',
      'resolve component-failed',
    ]);
  });

  it('is told when it fails again after it was merely degraded in between', () => {
    expect(live([...times(2, 'failed'), ...times(20, 'degraded')])).toEqual([]);
    expect(live([...times(2, 'failed'), ...times(20, 'degraded'), 'failed'])).toEqual(['trigger component-failed']);
  });

  it('is told to be degraded where that lasts and the failure did not', () => {
    expect(live([...times(2, 'failed'), ...times(400, 'degraded')])).toEqual(['trigger component-degraded']);
  });

  it('is told when no look finds it failed for as long as the wait', () => {
    expect(live(times(4, 'failed', 'healthy'))).toEqual(['trigger component-failed']);
    expect(live(times(6, 'failed', ...times(14, 'healthy')))).toEqual(['trigger component-failed']);
  });
});

describe('what follows from a component that comes and goes', () => {
  const away: ComponentDetail = { status: 'failed', reason: 'DATABASE_UNAVAILABLE', error: 'away' };
  const well: ComponentDetail = { status: 'healthy' };

  /** What is told of a database and a supervisor that are so for a second. */
  function told(seconds: readonly [database: ComponentDetail, supervisor: ComponentDetail][]): string[] {
    const evaluator = new Evaluator(settings, () => `alert-${Math.random()}`);
    const known = new Map<string, AlertState>();
    return seconds.flatMap(([database, supervisor], second) => {
      const facts = { now: second * SECOND, health: { database, supervisor }, failures: [], tasks: [] };
      const { changed, actions } = evaluator.evaluate([...known.values()], facts, []);
      for (const alert of changed) known.set(`${alert.rule} ${alert.group}`, alert);
      return actions.map(({ alert, action }) => `${action} ${alert.component}`);
    });
  }
  const seconds = (count: number, database: ComponentDetail, supervisor: ComponentDetail) =>
    Array<[ComponentDetail, ComponentDetail]>(count).fill([database, supervisor]);

  it('is not told in its place, while that is found well too soon to be told', () => {
    const period = [...seconds(1, away, away), ...seconds(12, well, away)];
    expect(told(Array<typeof period>(4).fill(period).flat())).toEqual(['trigger database']);
  });

  it('is not told beside what was told of that by its failures alone', () => {
    const evaluator = new Evaluator(settings, () => `alert-${Math.random()}`);
    const known = new Map<string, AlertState>();
    const look = (now: number, health: Record<string, ComponentDetail>) => {
      const failure = { reason: 'DATABASE_UNAVAILABLE', component: 'Database', severity: 'critical' } as const;
      const failures = [{ ...failure, operation: 'a.test', count: 1, at: 0, support_code: 'X' }];
      const { changed, actions } = evaluator.evaluate([...known.values()], { now, health, failures, tasks: [] }, []);
      for (const alert of changed) known.set(`${alert.rule} ${alert.group}`, alert);
      return actions.map(({ alert, action }) => `${action} ${alert.rule} ${alert.component}`);
    };
    expect([0, 5, 10].flatMap((second) => look(second * SECOND, {}))).toEqual(['trigger critical-failure database']);
    expect([11, 14, 17].flatMap((second) => look(second * SECOND, { supervisor: away }))).toEqual([]);
    const own = { ...away, reason: 'WORKER_LOST' };
    expect(look(18 * SECOND, { supervisor: own })).toEqual(['trigger component-failed supervisor']);
  });

  it('is told when it goes on alone', () => {
    expect(told([...seconds(1, away, away), ...seconds(40, well, away)])).toEqual(['trigger supervisor']);
  });
});

describe('a disk that is full below the embedded PostgreSQL', () => {
  const unwell = (reason: string, details = {}): ComponentDetail => ({
    status: 'failed',
    reason,
    error: 'full',
    details,
  });

  function toldOf(database: ComponentDetail): string[] {
    const evaluator = new Evaluator({ ...settings, waitMs: 0 }, () => 'an alert');
    const health = { environment: unwell('DATA_DIR_UNUSABLE'), database };
    const { actions } = evaluator.evaluate([], { now: 0, health, failures: [], tasks: [] }, []);
    return actions.map(({ alert }) => alert.component);
  }

  it.each(['DATABASE_DISK_FULL', 'DATABASE_UNAVAILABLE'])(
    'is one alert, of the disk, also before the server has said why it ended: %s',
    (reason) => {
      expect(toldOf(unwell(reason, { embedded: true }))).toEqual(['environment']);
    },
  );

  it('is what records of the time are about, of the server and of what stands on it', () => {
    const evaluator = new Evaluator({ ...settings, waitMs: 0 }, randomUUID);
    const well: ComponentDetail = { status: 'healthy', details: { embedded: true } };
    const record = (component: Component, reason: string) =>
      ({ reason, component, severity: 'critical', operation: 'x', count: 1, at: 0, support_code: 'c' }) as const;
    const failures = [record('Database', 'DATABASE_DISK_FULL'), record('Redis', 'QUEUE_UNAVAILABLE')];
    const full = { now: 0, health: { environment: unwell('DATA_DIR_UNUSABLE'), database: well }, failures, tasks: [] };
    const known = evaluator.evaluate([], full, []).changed;
    const later = { ...full, now: 5_000, health: { environment: { status: 'healthy' as const }, database: well } };
    const { changed } = evaluator.evaluate(known, later, []);
    expect([...known, ...changed].map(({ rule }) => rule)).not.toContain('critical-failure');
  });

  it('does not hide the disk of another machine', () => {
    expect(toldOf(unwell('DATABASE_DISK_FULL', { embedded: false })).sort()).toEqual(['database', 'environment']);
  });
});
