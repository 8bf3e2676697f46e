import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { v7 as uuidv7 } from 'uuid';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { HealthSummary, RunQueue, SupportCodeLookup } from '../agents';
import { AuthModule, DevelopmentIssuer } from '../auth';
import { ConfigModule, loadConfig } from '../config';
import { ComponentError, ErrorsHttpModule, ErrorsModule, FailureRecordStore, FailureReporter } from '../errors';
import { MailboxModule } from '../mailbox';
import {
  Database,
  NotificationSink,
  PersistenceLifecycle,
  PersistenceModule,
  PostgresFailureRecordStore,
} from '../persistence';
import { PostgresQueues } from '../queues/postgres-queues';
import { createHost, until } from '../queues/queues.fixture';
import { ComponentHealth, DeliveryQueue } from '../alerts';
import { OutboundModule } from '../outbound';
import { RecoveryQueue } from '../recovery';
import { RedisModule } from '../redis';
import { TaskQueue } from '../tasks';
import { createLogger, TelemetryModule } from '../telemetry';
import { AdminModule, mountBullBoard, QueueDirectory } from '.';

let postgres: TestDatabase;
let proxy: TcpProxy;
let dataDir: string;
let app: NestExpressApplication;
let url: string;
let tokens: { admin: string; user: string };
const queues = createHost(new PostgresQueues({ url: () => proxy.through(postgres.url), migrate: true }));

beforeAll(async () => {
  [postgres, dataDir] = await Promise.all([createTestDatabase(), mkdtemp(join(tmpdir(), 'clarion-admin-'))]);
  proxy = await TcpProxy.before(postgres.url);
  const config = loadConfig({ DATA_DIR: dataDir, DATABASE_URL: proxy.through(postgres.url), LOG_LEVEL: 'silent' });
  @Global()
  @Module({
    providers: [
      { provide: FailureRecordStore, useExisting: PostgresFailureRecordStore },
      { provide: NotificationSink, useValue: { notify: async () => undefined } },
      { provide: QueueDirectory, useValue: { all: () => queues.host.all() } },
      { provide: RunQueue, useValue: { open: false } },
      { provide: TaskQueue, useValue: { open: false } },
      { provide: DeliveryQueue, useValue: {} },
      { provide: RecoveryQueue, useValue: { open: false } },
      { provide: ComponentHealth, useValue: { details: () => ({}) } },
      { provide: SupportCodeLookup, useValue: {} },
      { provide: HealthSummary, useValue: {} },
    ],
    exports: [
      FailureRecordStore,
      NotificationSink,
      QueueDirectory,
      RunQueue,
      TaskQueue,
      DeliveryQueue,
      RecoveryQueue,
      ComponentHealth,
      SupportCodeLookup,
      HealthSummary,
    ],
  })
  class Wiring {}
  const ground = [
    TelemetryModule.forRoot(createLogger(config)),
    ErrorsModule,
    PersistenceModule,
    OutboundModule,
    RedisModule,
    MailboxModule,
  ];
  const rooms = [...ground, ErrorsHttpModule];
  @Module({ imports: [ConfigModule.forRoot(config), ...rooms, AuthModule.forRoot(config), AdminModule, Wiring] })
  class Root {}
  app = await NestFactory.create<NestExpressApplication>(Root, { logger: false, abortOnError: false });
  mountBullBoard(app);
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  await app.get(PersistenceLifecycle).open((error) => {
    throw error;
  });
  await queues.host.open({
    'agent-runs': () => Promise.reject(new TypeError('a defect')),
  });
  const issuer = app.get(DevelopmentIssuer);
  const [admin, user] = await Promise.all([
    issuer.issue({ user: 'root', admin: true }),
    issuer.issue({ user: 'alice' }),
  ]);
  tokens = { admin, user };
});

afterAll(async () => {
  await queues.host.close();
  await app.close();
  await app.get(PersistenceLifecycle).close();
  await proxy.close();
  await postgres.drop();
  await rm(dataDir, { recursive: true, force: true });
});

interface Answer {
  status: number;
  type: string | null;
  text: string;
  // Whatever JSON came; null where none did.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

async function send(path: string, token: string | null = tokens.admin, method = 'GET'): Promise<Answer> {
  const headers = token === null ? undefined : { authorization: `Bearer ${token}` };
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    redirect: 'manual',
    signal: AbortSignal.timeout(5_000),
  });
  const text = await response.text();
  const type = response.headers.get('content-type');
  return { status: response.status, type, text, body: type?.includes('json') ? JSON.parse(text) : null };
}

const report = (error: Error, context = {}) =>
  app.get(FailureReporter).report(error, { operation: 'test', ...context });

describe('everything below /admin', () => {
  it.each([
    '/admin/queues',
    '/admin/queues/api/queues',
    '/admin/api/errors',
    '/admin/api/errors/X_7K3F9QXM',
    '/admin/api/statistics',
    '/admin/api/statistics/users',
    '/admin/api/statistics/errors',
    '/admin/api/statistics/health',
    '/admin/api/audit',
    '/admin/api/alerts',
  ])('%s is for admins only', async (path) => {
    const [nobody, user] = [await send(path, null), await send(path, tokens.user)];
    expect([nobody.status, nobody.body.reason, nobody.type]).toEqual([
      401,
      'AUTH_TOKEN_MISSING',
      'application/problem+json; charset=utf-8',
    ]);
    expect([user.status, user.body.reason]).toEqual([403, 'AUTH_SCOPE_MISSING']);
  });
});

describe('GET /admin/api/errors/<SUPPORT_CODE>', () => {
  it('tells the whole story, however the code is typed', async () => {
    const error = ComponentError.agentSupervisor('AGENT_FAILED', {
      cause: new Error('the tool broke'),
      details: { agent: 'drill', secret_path: '/x' },
    });
    const { support_code } = await report(error, { user_id: 'alice' });
    const { status, body } = await send(`/admin/api/errors/%20${support_code.toLowerCase()}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      support_code,
      code: 1008,
      reason: 'AGENT_FAILED',
      user_id: 'alice',
      operation: 'test',
    });
    expect(body.root_cause).toContain('the tool broke');
    expect({ ...body.details, ...body.private_details }).toMatchObject({ agent: 'drill', secret_path: '/x' });
  });

  it.each(['AGENT_FAILED_00000000', 'AGENT_FAILED_ILOU1234', 'x', `A_${'0'.repeat(500)}`, '%00', "'%3B--"])(
    'does not know %s',
    async (code) => {
      const { status, body } = await send(`/admin/api/errors/${code}`);
      expect([status, body.reason]).toEqual([404, 'SUPPORT_CODE_NOT_FOUND']);
    },
  );
});

describe('GET /admin/api/errors', () => {
  it('filters, newest first, and pages to the end', async () => {
    const user_id = randomUUID();
    const codes: string[] = [];
    for (let i = 0; i < 5; i++) {
      const error =
        i === 2 ? ComponentError.database('DATABASE_CONFLICT') : ComponentError.agentSupervisor('AGENT_FAILED');
      codes.unshift((await report(error, { user_id })).support_code);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const pages: string[][] = [];
    let next: string | null = '';
    while (next !== null) {
      const { body } = await send(`/admin/api/errors?user_id=${user_id}&limit=2${next && `&before=${next}`}`);
      pages.push(body.errors.map((record: { support_code: string }) => record.support_code));
      next = body.next;
    }
    expect(pages).toEqual([codes.slice(0, 2), codes.slice(2, 4), codes.slice(4)]);
    const { body } = await send(
      `/admin/api/errors?user_id=${user_id}&component=Database&severity=warning&reason=DATABASE_CONFLICT`,
    );
    expect(body).toMatchObject({ errors: [{ support_code: codes[2] }], next: null, missing: [] });
    const byCode = (await send(`/admin/api/errors?user_id=${user_id}&code=1005`)).body;
    expect(byCode.errors.map((record: { support_code: string }) => record.support_code)).toEqual([codes[2]]);
  });

  it('passes over none of several that have the same millisecond', async () => {
    const user_id = randomUUID();
    for (let i = 0; i < 3; i++) await report(ComponentError.agentSupervisor('AGENT_FAILED'), { user_id });
    await app
      .get(Database)
      .query('UPDATE error_records SET occurred_at = $1 WHERE user_id = $2', [new Date(), user_id]);
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const { body } = await send(`/admin/api/errors?user_id=${user_id}&limit=1${next && `&before=${next}`}`);
      seen.push(...body.errors.map((record: { support_code: string }) => record.support_code));
      next = body.next;
    }
    expect(new Set(seen).size).toBe(3);
    expect(seen).toHaveLength(3);
  });

  it('groups what is of one reason, component and operation, whatever its message says', async () => {
    const operation = `test.${randomUUID()}`;
    const failed = (cause: Error, more = {}) =>
      report(ComponentError.agentSupervisor('AGENT_FAILED', { cause }), { operation, ...more });
    await failed(new Error('one text'), { user_id: 'ann' });
    const last = await failed(new TypeError('another text'), { user_id: 'ben' });
    await report(ComponentError.agentSupervisor('AGENT_STALLED'), { operation });
    const { groups } = (await send('/admin/api/errors?group=fingerprint&reason=AGENT_FAILED&limit=200')).body;
    const [group, ...others] = groups.filter((one: { operation: string }) => one.operation === operation);
    expect(others).toEqual([]);
    expect(group).toMatchObject({ code: 1008, component: 'AgentSupervisor', count: 2, users: 2 });
    expect(group.support_code).toBe(last.support_code);
    const members = (await send(`/admin/api/errors?fingerprint=${group.fingerprint}`)).body.errors;
    expect(members).toHaveLength(2);
    const earlier = `/admin/api/errors?group=fingerprint&fingerprint=${group.fingerprint}&before=${group.first_at}`;
    expect((await send(earlier)).body).toEqual({ groups: [], missing: [] });
  });

  it.each([
    ['limit', 'limit=201'],
    ['limit', 'limit=0'],
    ['limit', 'limit=ten'],
    ['reason', 'reason=NO_SUCH_REASON'],
    ['component', 'component=Kitchen'],
    ['severity', 'severity=bad'],
    ['run_id', 'run_id=1'],
    ['before', 'before=yesterday'],
    ['code', 'code=1'],
    ['fingerprint', 'fingerprint=x'],
    ['group', 'group=message'],
    ['user_id', 'user_id=a&user_id=b'],
    ['', 'reasons=AGENT_FAILED'],
  ])('refuses a wrong parameter and names it: %s in %s', async (name, query) => {
    const { status, body } = await send(`/admin/api/errors?${query}`);
    expect([status, body.reason]).toEqual([400, 'HTTP_REQUEST_INVALID']);
    expect(body.details.issues).toMatchObject([{ path: name }]);
  });
});

describe('GET /admin/api/statistics', () => {
  it('counts what there is', async () => {
    const before = (await send('/admin/api/statistics')).body;
    await report(ComponentError.agentSupervisor('AGENT_FAILED'));
    const database = app.get(Database);
    const run = `INSERT INTO runs (id, user_id, thread_id, message_id, agent, status, max_attempts, finished_at)
      VALUES ($1, 'alice', $2, $2, 'echo', $3, 3, $4)`;
    await database.query(run, [uuidv7(), randomUUID(), 'queued', null]);
    await database.query(run, [uuidv7(), randomUUID(), 'completed', new Date()]);
    await database.query(`INSERT INTO workers (id, host, pid) VALUES ($1, 'here', 42)`, [randomUUID()]);
    const { status, body } = await send('/admin/api/statistics');
    expect(status).toBe(200);
    expect(body.errors.last_hour).toBe(before.errors.last_hour + 1);
    expect(body.errors.last_five_minutes).toBe(before.errors.last_five_minutes + 1);
    expect(body.errors.by_reason.AGENT_FAILED).toBe((before.errors.by_reason.AGENT_FAILED ?? 0) + 1);
    expect(body.runs).toEqual({ by_status: { queued: 1, completed: 1 }, active: 1 });
    expect(body.workers).toMatchObject([{ host: 'here', pid: 42, heartbeat_age_ms: expect.any(Number) }]);
    expect(body.queues['agent-runs']).toMatchObject({ waiting: 0, active: 0 });
  });
});

describe('GET /admin/api/statistics/errors', () => {
  it('gives failures over time as plots take them', async () => {
    const hour = `INSERT INTO failure_statistics (hour, reason, component, count) VALUES ($1, 'AGENT_FAILED', 'AgentSupervisor', 3)`;
    await app.get(Database).query(hour, ['2026-03-01T10:00:00Z']);
    const range = 'since=2026-03-01T09:30:00Z&until=2026-03-01T12:00:00Z';
    const { status, body } = await send(`/admin/api/statistics/errors?${range}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      times: ['09', '10', '11'].map((at) => `2026-03-01T${at}:00:00.000Z`),
      series: [{ name: 'AgentSupervisor', counts: [0, 3, 0] }],
    });
    expect((await send('/admin/api/statistics/errors?bucket=day')).body.times).toHaveLength(91);
  });

  it.each([
    ['since', 'since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z'],
    ['since', 'since=2020-03-01T00:00:00Z'],
    ['bucket', 'bucket=second'],
    ['by', 'by=message'],
  ])('refuses a wrong parameter and names it: %s in %s', async (name, query) => {
    const { status, body } = await send(`/admin/api/statistics/errors?${query}`);
    expect([status, body.reason]).toEqual([400, 'HTTP_REQUEST_INVALID']);
    expect(body.details.issues).toMatchObject([{ path: name }]);
  });
});

describe('/admin/queues', () => {
  it('shows a signed-in admin the queue of runs with its dead letters, and retries one', async () => {
    const job = await queues.host
      .queue('agent-runs')
      .add('run', { run_id: randomUUID(), dispatch: 1 }, { jobId: 'dead' });
    await until(async () => (await job.getState()) === 'failed');
    const page = await send('/admin/queues');
    expect([page.status, page.type]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.text).toContain('/admin/queues/');
    const list = await send('/admin/queues/api/queues?activeQueue=agent-runs&status=failed&page=1&jobsPerPage=10');
    expect(list.body.queues[0]).toMatchObject({ name: 'agent-runs', counts: { failed: 1 } });
    expect(list.body.queues[0].jobs[0].failedReason).toMatch(/^QUEUE_JOB_FAILED_/);
    const attempts = queues.reporter.reported.length;
    expect((await send('/admin/queues/api/queues/agent-runs/dead/retry', tokens.admin, 'PUT')).status).toBeLessThan(
      300,
    );
    await until(() => queues.reporter.reported.length > attempts);
    const { body } = await send('/admin/api/audit?action=queue_changed');
    expect(body).toMatchObject({
      entries: [{ actor: 'root', action: 'queue_changed', subject: 'PUT /api/queues/agent-runs/dead/retry' }],
      next: null,
    });
  });

  it('answers what it cannot do as a problem', async () => {
    const job = await queues.host.queue('agent-runs').add('run', {}, { jobId: 'not delayed' });
    await until(async () => (await job.getState()) === 'failed');
    const { status, body, type } = await send(
      '/admin/queues/api/queues/agent-runs/not%20delayed/promote',
      tokens.admin,
      'PUT',
    );
    expect([status, body.reason]).toEqual([409, 'HTTP_REQUEST_INVALID']);
    expect(type).toContain('application/problem+json');
  });
});

it('a digest that nobody knows is not sent again', async () => {
  const { status, body } = await send(`/admin/api/digests/${randomUUID()}/resend`, tokens.admin, 'POST');
  expect([status, body.reason]).toEqual([404, 'DIGEST_NOT_FOUND']);
});

describe('while the database is down', () => {
  beforeAll(async () => {
    proxy.refuse();
    await until(() => !app.get(Database).ready);
  });

  afterAll(async () => {
    proxy.heal();
    await until(() => app.get(Database).ready);
  });

  it('/admin/api/errors lists and groups what waits in the spool, and says what is missing', async () => {
    const operation = `test.${randomUUID()}`;
    const codes: string[] = [];
    for (const _ of [1, 2]) {
      const { support_code } = await report(ComponentError.agentSupervisor('AGENT_FAILED'), {
        operation,
        user_id: 'ann',
      });
      codes.push(support_code);
    }
    const { status, body } = await send('/admin/api/errors?reason=AGENT_FAILED&user_id=ann&limit=2');
    expect(status).toBe(200);
    expect(body.errors.map((record: { support_code: string }) => record.support_code).sort()).toEqual(codes.sort());
    expect(body.missing).toEqual([expect.stringMatching(/does not answer \(DATABASE_UNAVAILABLE_/)]);
    const grouped = (await send('/admin/api/errors?group=fingerprint&code=1008')).body;
    expect(grouped.groups).toContainEqual(expect.objectContaining({ operation, count: 2, users: null }));
  });

  it.each(['/admin/queues', '/admin/queues/api/queues', '/admin/api/statistics'])(
    '%s answers at once with a retryable 1005 whose support code is found',
    async (path) => {
      const began = performance.now();
      const { status, body } = await send(path);
      expect(performance.now() - began).toBeLessThan(2_000);
      expect([status, body.code, body.retryable]).toEqual([503, 1005, true]);
      expect((await send(`/admin/api/errors/${body.support_code}`)).body).toMatchObject({
        support_code: body.support_code,
      });
    },
  );
});
