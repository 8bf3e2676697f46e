import { ClarionApp } from '../support/clarion-app';

interface Task {
  readonly name: string;
  readonly scope: string;
  readonly last_success_at: string | null;
}

let app: ClarionApp;
let admin: RequestInit;

beforeAll(async () => {
  app = await ClarionApp.start();
  admin = { headers: { authorization: `Bearer ${await app.adminToken()}` } };
});

afterAll(() => app.dispose());

async function tasks(): Promise<Map<string, Task>> {
  const response = await app.request('/admin/api/tasks', admin);
  expect(response.status).toBe(200);
  const body = (await response.json()) as { tasks: Task[] };
  return new Map(body.tasks.map((task) => [task.name, task]));
}

async function ran(name: string, after: number): Promise<void> {
  const succeeded = async () => Date.parse((await tasks()).get(name)?.last_success_at ?? '1970-01-01');
  while ((await succeeded()) < after) await new Promise((resolve) => setTimeout(resolve, 50));
}

const run = (name: string, init: RequestInit = admin) =>
  app.request(`/admin/api/tasks/${name}/run`, { method: 'POST', ...init });

describe('the background tasks of a process', () => {
  it('all run soon after the start', async () => {
    const names = [...(await tasks()).keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        'admin.retention',
        'failures.ingest',
        'health.sample',
        'mailbox.epochs',
        'mailbox.retention',
        'statistics.roll-up',
      ]),
    );
    for (const [name, { scope }] of await tasks()) if (scope === 'cluster') await ran(name, 1);
  });

  it('are run by hand, audited', async () => {
    const before = Date.now();
    const answer = await run('statistics.roll-up');
    expect(answer.status).toBe(202);
    expect(await answer.json()).toEqual({
      task: 'statistics.roll-up',
      job_id: expect.stringMatching(/^statistics\.roll-up-/) as string,
    });
    await ran('statistics.roll-up', before);
    expect(await (await run('health.sample')).json()).toEqual({ task: 'health.sample', job_id: null });
    expect(await app.query(`SELECT actor, subject FROM audit_log WHERE action = 'task_run' ORDER BY at`)).toEqual([
      { actor: 'root', subject: 'statistics.roll-up' },
      { actor: 'root', subject: 'health.sample' },
    ]);
  });

  it('keep samples of the health of every component that is configured', async () => {
    await run('health.sample');
    const rows = await app.query<{ component: string }>('SELECT DISTINCT component FROM health_samples');
    expect(rows.map(({ component }) => component)).toEqual(expect.arrayContaining(['database', 'queues', 'tasks']));
  });

  it('keep with them the history of each component, for plots', async () => {
    await run('health.sample');
    const history = (query: string) => app.request(`/admin/api/statistics/health?${query}`, admin);
    const answer = await history('component=database&figure=pool.limit&limit=60');
    expect(answer.status).toBe(200);
    const body = (await answer.json()) as { times: string[]; series: { statuses: unknown[]; values: unknown[] }[] };
    expect(body).toMatchObject({ component: 'database', figure: 'pool.limit', bucket_ms: 60_000 });
    expect(body.times).toHaveLength(60);
    const [own, ...others] = body.series;
    expect(others).toEqual([]);
    expect([own!.statuses.at(-1), own!.values.at(-1)]).toEqual(['healthy', expect.any(Number)]);
    for (const [path, query] of [
      ['component', ''],
      ['component', 'component=kitchen'],
      ['limit', 'component=redis&limit=1001'],
      ['since', 'component=redis&since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z'],
      ['since', 'component=redis&since=2020-03-02T00:00:00Z'],
      ['figure', 'component=redis&figure='],
    ] as const) {
      const refused = await history(query);
      const { reason, details } = (await refused.json()) as { reason: string; details: { issues: object[] } };
      expect([refused.status, reason]).toEqual([400, 'HTTP_REQUEST_INVALID']);
      expect(details.issues).toMatchObject([{ path }]);
    }
  });

  it('add failures up by hour, the same however often', async () => {
    await app.refusal({ token: 'no token' });
    for (const _ of [1, 2]) {
      const before = Date.now();
      await run('statistics.roll-up');
      await ran('statistics.roll-up', before);
    }
    const sums = await app.query<{ sums: number; records: number }>(
      `SELECT (SELECT sum(count)::int FROM failure_statistics) AS sums, (SELECT sum(count)::int FROM error_records) AS records`,
    );
    expect(sums[0]!.sums).toBeGreaterThan(0);
    expect(sums[0]!.sums).toBe(sums[0]!.records);
  });

  it('are for admins, and have names', async () => {
    const user = { headers: { authorization: `Bearer ${await app.token('alice')}` } };
    expect((await run('mailbox.retention', user)).status).toBe(403);
    const unknown = await run('no.such');
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ reason: 'BACKGROUND_TASK_UNKNOWN', code: 1010 });
  });
});
