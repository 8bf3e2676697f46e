import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ComponentDetail, ComponentReport } from '@clarion/protocol';
import { Global, type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthModule, DevelopmentIssuer } from '../auth';
import { ConfigModule, loadConfig } from '../config';
import { FailureReporter, HealthNow } from '../errors';
import { HttpProblemFilter } from '../errors/http/http-problem.filter';
import { Database } from '../persistence';
import { type HealthIndicator, MetricsRegistry, Repairs } from '../telemetry';
import { BROKEN, RememberingReporter, ScriptedIndicator } from './health.fixture';
import { DrainState, HealthModule, HealthReport } from './index';

const SCRIPTED = ['database', 'factory', 'handler', 'supervisor', 'bridge', 'queues'] as const;

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** Whatever JSON came; `null` where none did. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

class Server {
  private constructor(
    readonly app: INestApplication,
    private readonly url: string,
    private readonly dataDir: string,
  ) {}

  static async start(indicators: HealthIndicator[], environment: Record<string, string> = {}): Promise<Server> {
    const dataDir = mkdtempSync(join(tmpdir(), 'clarion-health-'));
    const config = loadConfig({ DATA_DIR: dataDir, HEALTH_REFRESH_MS: '60000', ...environment });
    const reporter = { provide: FailureReporter, useClass: RememberingReporter };
    const providers = [
      HealthNow,
      reporter,
      MetricsRegistry,
      Repairs,
      // Never connected: what measures is scripted.
      { provide: Database, useValue: new Database(config.persistence) },
      ...indicators.map((indicator) => ({ provide: Symbol(indicator.component), useValue: indicator })),
    ];
    @Global()
    @Module({ providers, exports: [Database, FailureReporter, HealthNow, MetricsRegistry, Repairs] })
    class Rooms {}
    @Module({ imports: [ConfigModule.forRoot(config), AuthModule.forRoot(config), Rooms, HealthModule] })
    class Root {}
    const app = await NestFactory.create(Root, { logger: false, abortOnError: false });
    app.useGlobalFilters(new HttpProblemFilter(app.get(FailureReporter)));
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const server = new Server(app, `http://127.0.0.1:${port}`, dataDir);
    await server.untilChecked();
    return server;
  }

  async get(path: string, token?: string): Promise<Answer> {
    const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
    const response = await fetch(`${this.url}${path}`, { headers, signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    const body = /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : null;
    return { status: response.status, headers: response.headers, text, body };
  }

  token(admin: boolean): Promise<string> {
    return this.app.get(DevelopmentIssuer).issue({ user: 'ann', admin });
  }

  async close(): Promise<void> {
    await this.app.close();
    rmSync(this.dataDir, { recursive: true });
  }

  /** Until every component that exists has its first result. */
  private async untilChecked(): Promise<void> {
    const details = (): ComponentDetail[] => Object.values(this.app.get(HealthReport)['details']());
    while (details().some(({ status, checked_at }) => status === 'failed' && checked_at === undefined)) await turn();
  }
}

function scripted(): Record<(typeof SCRIPTED)[number], ScriptedIndicator> {
  const entries = SCRIPTED.map((component) => [component, new ScriptedIndicator(component)]);
  return Object.fromEntries(entries) as Record<(typeof SCRIPTED)[number], ScriptedIndicator>;
}

describe('health endpoints', () => {
  let server: Server | undefined;

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  async function start(
    change: Partial<Record<(typeof SCRIPTED)[number], ScriptedIndicator>> = {},
    environment: Record<string, string> = {},
  ): Promise<{ server: Server; indicators: ScriptedIndicator[] }> {
    const indicators = Object.values({ ...scripted(), ...change });
    server = await Server.start(indicators, environment);
    return { server, indicators };
  }

  const broken = (component: (typeof SCRIPTED)[number]) => ({ [component]: new ScriptedIndicator(component, BROKEN) });

  it('report every component of the protocol, those that do not exist as not configured', async () => {
    const { server } = await start();
    const { status, body, headers } = await server.get('/health/components');
    const report = body as ComponentReport;
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(report).toMatchObject({
      healthy: true,
      status: 'healthy',
      failed_components: [],
      degraded_components: [],
      error_suggestions: [],
      summary: '8 of 8 components healthy',
    });
    expect(Object.keys(report.component_details)).toEqual([
      'environment',
      'database',
      'redis',
      'auth',
      'factory',
      'handler',
      'supervisor',
      'bridge',
      'queues',
      'tasks',
      'alerts',
      'provider',
    ]);
    for (const name of ['redis', 'tasks', 'alerts', 'provider'] as const)
      expect(report.component_details[name]).toEqual({ status: 'not_configured' });
    expect(report.component_details.auth).toMatchObject({ status: 'healthy', details: { algorithms: ['HS256'] } });
  });

  it('have their words at hand without the rest of the report', async () => {
    const degraded = { status: 'degraded', problem: 'slow', suggestion: 'wait' } as const;
    const { server } = await start({ ...broken('queues'), bridge: new ScriptedIndicator('bridge', degraded) });
    const health = server.app.get(HealthReport);
    expect(health.report(false)).toMatchObject(health.status());
    expect(health.status()).toEqual({
      status: 'failed',
      failed_components: ['queues'],
      degraded_components: ['bridge'],
    });
  });

  it('show one component, and answer 404 as a problem for one that does not exist', async () => {
    const { server } = await start(broken('queues'));
    const { status, body } = await server.get('/health/components/queues');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'failed',
      details: { parts: 2 },
      suggestion: expect.stringMatching(/mend it/),
    });
    for (const name of ['nothing', 'constructor', '__proto__']) {
      const unknown = await server.get(`/health/components/${name}`);
      expect(unknown.status).toBe(404);
      expect(unknown.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(unknown.headers.get('cache-control')).toBe('no-store');
    }
  });

  it('let one component that fails, hangs or talks rubbish hide no other', async () => {
    const change = scripted();
    change.factory.find = () => Promise.reject(new Error('boom'));
    change.handler.find = () => new Promise(() => undefined);
    change.bridge.find = async () => 'rubbish' as never;
    const { server } = await start(change, { HEALTH_TIMEOUT_MS: '800' });
    const { status, body } = await server.get('/health');
    expect(status).toBe(503);
    expect(Object.keys(body.error).sort()).toEqual(['bridge', 'factory', 'handler']);
    expect(body.details.database.status).toBe('up');
    expect(Object.keys(body.details)).toHaveLength(12);
  });

  it('answer in the format of Terminus', async () => {
    const degraded = new ScriptedIndicator('bridge', { status: 'degraded', problem: 'Slow', suggestion: 'wait' });
    const { server } = await start({ bridge: degraded });
    const { status, body } = await server.get('/health');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'degraded',
      error: {},
      details: {
        database: { status: 'up', component_status: 'healthy', checked_at: expect.any(String) },
        bridge: { status: 'degraded', component_status: 'degraded', suggestion: 'Slow: wait' },
        redis: { status: 'up', component_status: 'not_configured' },
      },
    });
    expect(Object.keys(body.info)).toHaveLength(12);
  });

  it('are down with 503 when a component is', async () => {
    const { server } = await start(broken('queues'));
    const { status, body } = await server.get('/health');
    expect(status).toBe(503);
    expect(body).toMatchObject({
      status: 'error',
      error: { queues: { status: 'down', reason: 'HEALTH_CHECK_FAILED' } },
    });
  });

  it('stay alive whatever fails', async () => {
    const { server } = await start(broken('database'));
    expect(await server.get('/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('are ready when all is there that a new connection needs', async () => {
    const { server } = await start(broken('queues'));
    const startup = await server.get('/health/ready?exclude=startup');
    expect(startup.status).toBe(200);
    expect(Object.keys(startup.body.details)).toEqual([
      'shutdown',
      'environment',
      'database',
      'auth',
      'factory',
      'handler',
      'bridge',
    ]);
  });

  it('are not ready when a component is missing, unless it is excluded', async () => {
    const bridge = new ScriptedIndicator('bridge', BROKEN);
    const factory = new ScriptedIndicator('factory', BROKEN);
    const { server } = await start({ bridge, factory });
    expect((await server.get('/health/ready')).status).toBe(503);
    expect((await server.get('/health/ready?exclude=bridge')).status).toBe(503);
    expect((await server.get('/health/ready?exclude=bridge,factory')).status).toBe(200);
    expect((await server.get('/health/ready?exclude=bridge&exclude=factory')).status).toBe(200);
  });

  it('list the checks as Kubernetes does', async () => {
    const { server } = await start({ handler: new ScriptedIndicator('handler', BROKEN) });
    const { status, text, headers } = await server.get('/health/ready?verbose&exclude=auth,nonsense');
    expect(status).toBe(503);
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expect(text.split('\n')).toEqual([
      '[+]startup ok',
      '[+]shutdown ok',
      '[+]environment ok',
      '[+]database ok',
      '[+]factory ok',
      '[-]handler failed: It is broken: mend it; no success since the start',
      '[+]bridge ok',
      'warn: nothing to exclude is called nonsense',
      'ready check failed',
      '',
    ]);
  });

  it('are not ready while draining', async () => {
    const { server } = await start();
    expect((await server.get('/health/ready')).status).toBe(200);
    server.app.get(DrainState).begin();
    const { status, body } = await server.get('/health/ready');
    expect(status).toBe(503);
    expect(body.error).toEqual({ shutdown: expect.objectContaining({ status: 'down' }) });
    expect((await server.get('/health/live')).status).toBe(200);
  });

  it('have not started before database, queues and supervisor were up', async () => {
    const queues = new ScriptedIndicator('queues', BROKEN);
    const { server } = await start({ queues });
    const before = await server.get('/health/startup');
    expect(before.status).toBe(503);
    expect(Object.keys(before.body.details)).toEqual(['database', 'supervisor', 'queues']);
    expect((await server.get('/health/ready?verbose')).text).toContain('[-]startup failed: Clarion is starting');
    const looked = Promise.withResolvers<void>();
    queues.find = async () => {
      queues.find = async () => BROKEN;
      setImmediate(looked.resolve);
      return { status: 'healthy' };
    };
    await looked.promise;
    expect((await server.get('/health/startup')).status).toBe(200);
    expect((await server.get('/health/ready')).status).toBe(200);
  });

  it('touch no component', async () => {
    const { server, indicators } = await start();
    const paths = ['/health', '/health/live', '/health/ready', '/health/startup', '/health/components', '/metrics'];
    await Promise.all(paths.flatMap((path) => Array.from({ length: 10 }, () => server.get(path))));
    expect(indicators.map(({ checks }) => checks)).toEqual([1, 1, 1, 1, 1, 1]);
  });

  describe('for admins only', () => {
    const environment = { HEALTH_DETAILS: 'admin' };

    it('give others the status words alone', async () => {
      const { server } = await start(broken('queues'), environment);
      for (const token of [undefined, 'rubbish', await server.token(false)]) {
        const { body } = await server.get('/health/components', token);
        expect(body).toMatchObject({
          status: 'failed',
          failed_components: ['queues'],
          error_suggestions: [],
          component_details: { queues: { status: 'failed' }, database: { status: 'healthy' } },
        });
        expect(Object.keys(body.component_details.queues)).toEqual(['status']);
        expect((await server.get('/health/components/queues', token)).body).toEqual({ status: 'failed' });
        const { error } = (await server.get('/health', token)).body;
        expect(error).toEqual({ queues: { status: 'down', component_status: 'failed' } });
        const { text } = await server.get('/health/startup?verbose', token);
        expect(text).toContain('[-]queues failed: reason withheld');
      }
    });

    it('give an admin everything', async () => {
      const { server } = await start(broken('queues'), environment);
      const { body } = await server.get('/health/components', await server.token(true));
      expect(body.component_details.queues).toMatchObject({ details: { parts: 2 }, reason: 'HEALTH_CHECK_FAILED' });
      expect(body.error_suggestions).toEqual([expect.stringMatching(/^It is broken: mend it/)]);
    });

    it('show the metrics to an admin', async () => {
      const { server } = await start({}, environment);
      expect((await server.get('/metrics')).status).toBe(401);
      expect((await server.get('/metrics', await server.token(false))).status).toBe(403);
      const { status, text, headers } = await server.get('/metrics', await server.token(true));
      expect(status).toBe(200);
      expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      expect(text).toContain('process_cpu_seconds_total');
    });
  });

  it('show details to nobody with HEALTH_DETAILS=never', async () => {
    const { server } = await start({}, { HEALTH_DETAILS: 'never' });
    const token = await server.token(true);
    expect((await server.get('/health/components/database', token)).body).toEqual({ status: 'healthy' });
    expect((await server.get('/metrics', token)).status).toBe(403);
  });

  it('fail the start when a component is measured twice', async () => {
    const twins = [new ScriptedIndicator('queues'), new ScriptedIndicator('queues')];
    await expect(Server.start(twins)).rejects.toMatchObject({ reason: 'CONFIGURATION_INVALID' });
  });

  it('fail the start when a component is none of the protocol', async () => {
    const stranger = new ScriptedIndicator('weather' as never);
    await expect(Server.start([stranger])).rejects.toMatchObject({ reason: 'CONFIGURATION_INVALID' });
  });
});
