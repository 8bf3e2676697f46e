import { Logger } from '@nestjs/common';
import { ComponentMonitor } from './component-monitor';
import { BROKEN, RememberingReporter, ScriptedIndicator } from './health.fixture';

const REFRESH_MS = 1_000;
const TIMEOUT_MS = 100;

function setUp(reporting = () => true) {
  const indicator = new ScriptedIndicator('queues');
  const reporter = new RememberingReporter();
  const monitor = new ComponentMonitor(indicator, {
    refreshMs: REFRESH_MS,
    timeoutMs: TIMEOUT_MS,
    reporter,
    reporting,
  });
  return { indicator, reporter, monitor };
}

describe('the monitor of a component', () => {
  let now: number;

  beforeAll(() => Logger.overrideLogger(false));

  beforeEach(() => {
    now = Date.parse('2026-11-21T12:00:00.000Z');
    jest.spyOn(Date, 'now').mockImplementation(() => now);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('says when it looked, and since when the status is what it is', async () => {
    const { indicator, monitor } = setUp();
    await monitor.refresh();
    now += 1_000;
    await monitor.refresh();
    expect(monitor.detail()).toMatchObject({
      status: 'healthy',
      checked_at: '2026-11-21T12:00:01.000Z',
      since: '2026-11-21T12:00:00.000Z',
      latency_ms: expect.any(Number),
    });
    indicator.find = async () => BROKEN;
    now += 1_000;
    await monitor.refresh();
    expect(monitor.detail()).toMatchObject({ status: 'failed', since: '2026-11-21T12:00:02.000Z' });
  });

  it('says how old that is, and how often the status changed within the last hour', async () => {
    const { indicator, monitor } = setUp();
    await monitor.refresh();
    for (const finding of [BROKEN, { status: 'healthy' } as const, BROKEN]) {
      indicator.find = async () => finding;
      await monitor.refresh();
      await monitor.refresh();
    }
    now += 300;
    expect(monitor.detail()).toMatchObject({ flaps: 3, age_ms: 300 });
    now += 3_600_000;
    expect(monitor.detail()).toMatchObject({ flaps: 0 });
  });

  it('names the problem, its reason, the next step and the last success', async () => {
    const { indicator, monitor } = setUp();
    await monitor.refresh();
    indicator.find = async () => BROKEN;
    now += 14_000;
    await monitor.refresh();
    expect(monitor.detail()).toMatchObject({
      status: 'failed',
      details: { parts: 2 },
      error: 'It is broken',
      error_code: 1010,
      reason: 'HEALTH_CHECK_FAILED',
      suggestion: 'It is broken: mend it; last success 14 s ago',
    });
  });

  it('reports a failure once, until the component has been well again', async () => {
    const { indicator, reporter, monitor } = setUp();
    await monitor.refresh();
    indicator.find = async () => BROKEN;
    await monitor.refresh();
    await monitor.refresh();
    expect(reporter.reported).toHaveLength(1);
    expect(reporter.reported[0]).toMatchObject({
      error: { reason: 'HEALTH_CHECK_FAILED', details: { indicator: 'queues', problem: 'It is broken' } },
      context: { operation: 'health.refresh' },
    });
    indicator.find = async () => ({ status: 'healthy' });
    await monitor.refresh();
    indicator.find = async () => BROKEN;
    await monitor.refresh();
    expect(reporter.reported).toHaveLength(2);
  });

  it('reports a change from degraded to failed', async () => {
    const { indicator, reporter, monitor } = setUp();
    indicator.find = async () => ({ status: 'degraded', problem: 'Slow', suggestion: 'wait' });
    await monitor.refresh();
    indicator.find = async () => BROKEN;
    await monitor.refresh();
    expect(reporter.reported).toHaveLength(2);
  });

  it('reports nothing of what is degraded while it comes up', async () => {
    const { indicator, reporter, monitor } = setUp();
    indicator.find = async () => ({ status: 'degraded', problem: 'Not connected yet', suggestion: 'wait' });
    monitor.start();
    await monitor.refresh();
    await monitor.stop();
    expect(monitor.detail().status).toBe('degraded');
    expect(reporter.reported).toEqual([]);
  });

  it('reports nothing while this process goes down, but shows it', async () => {
    const { indicator, reporter, monitor } = setUp(() => false);
    indicator.find = async () => BROKEN;
    await monitor.refresh();
    expect(reporter.reported).toEqual([]);
    expect(monitor.detail().status).toBe('failed');
  });

  it('does not report a component that is still coming up, but one that never does', async () => {
    const { indicator, reporter, monitor } = setUp();
    indicator.find = async () => BROKEN;
    monitor.start();
    await monitor.refresh();
    await monitor.stop();
    expect(reporter.reported).toEqual([]);
    now += 11_000;
    await monitor.refresh();
    expect(reporter.reported).toHaveLength(1);
  });

  it('is failed before the first check, and says why', () => {
    expect(setUp().monitor.detail()).toEqual({
      status: 'failed',
      suggestion: 'Not checked yet: Clarion is starting',
    });
  });

  it('does not trust a result that is older than three periods', async () => {
    const { monitor } = setUp();
    await monitor.refresh();
    now += 3 * REFRESH_MS + TIMEOUT_MS;
    expect([monitor.detail().status, monitor.status]).toEqual(['healthy', 'healthy']);
    now += 1;
    expect(monitor.status).toBe('failed');
    expect(monitor.detail()).toMatchObject({
      status: 'failed',
      reason: 'HEALTH_CHECK_FAILED',
      error: 'The check has not run for 3 s',
      checked_at: '2026-11-21T12:00:00.000Z',
      since: '2026-11-21T12:00:03.100Z',
    });
  });

  it('does not ask again beside a check that hangs, and takes its late answer', async () => {
    const { indicator, monitor } = setUp();
    const late = Promise.withResolvers<{ status: 'healthy' }>();
    indicator.find = () => late.promise;
    await monitor.refresh();
    expect(monitor.detail().status).toBe('failed');
    const waiting = monitor.refresh();
    late.resolve({ status: 'healthy' });
    await waiting;
    expect(indicator.checks).toBe(1);
    expect(monitor.detail().status).toBe('healthy');
    await monitor.refresh();
    expect(indicator.checks).toBe(2);
  });

  it('has come up once it was well, and stays so', async () => {
    const { indicator, monitor } = setUp();
    indicator.find = async () => BROKEN;
    await monitor.refresh();
    expect(monitor.cameUp).toBe(false);
    indicator.find = async () => ({ status: 'healthy' });
    await monitor.refresh();
    indicator.find = async () => BROKEN;
    await monitor.refresh();
    expect(monitor.cameUp).toBe(true);
  });
});
