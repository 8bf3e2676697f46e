import { COMPONENT_NAMES, type ComponentReport, type ErrorBody } from '@clarion/protocol';
import { componentReportSchema, errorBodySchema } from '@clarion/protocol/schemas';
import { ALL_REASONS } from '../../src/errors';
import { ClarionApp } from '../support/clarion-app';

let app: ClarionApp;

beforeAll(async () => {
  app = await ClarionApp.start({ env: { NODE_ENV: 'production', DRILL_AGENT: '0', MIGRATE_ON_START: '1' } });
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

interface Problem extends ErrorBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
}

async function problem(response: Response): Promise<Problem> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const body = (await response.json()) as Problem;
  errorBodySchema.parse(body);
  expect(body).toMatchObject({ type: `/errors/${body.reason}`, title: body.message, status: response.status });
  expect(body.root_cause).toBeNull();
  expect(JSON.stringify(body)).not.toMatch(/node_modules|\.ts:|\.js:|stack/);
  expect(Object.keys(body)).not.toContain('statusCode');
  return body;
}

function post(path: string, body: string, type = 'application/json'): Promise<Response> {
  return app.request(path, { method: 'POST', body, headers: { 'content-type': type } });
}

it('keeps idle connections for longer than a load balancer does', async () => {
  expect((await app.request('/health/live')).headers.get('keep-alive')).toBe('timeout=65');
});

describe('the catalogue of errors', () => {
  it('lists every reason, each with what it asks of a client', async () => {
    const response = await app.request('/errors');
    expect(response.status).toBe(200);
    const { errors } = (await response.json()) as { errors: { reason: string }[] };
    expect(errors.map(({ reason }) => reason)).toEqual([...ALL_REASONS]);
    expect(errors.find(({ reason }) => reason === 'DATABASE_UNAVAILABLE')).toMatchObject({
      code: 1005,
      component: 'Database',
      severity: 'critical',
      retryable: true,
      help_url: '/errors/DATABASE_UNAVAILABLE',
    });
  });

  it('has a page behind the help_url of a failure', async () => {
    const { error } = await app.refusal({});
    const response = await app.request(error.help_url);
    expect(response.status).toBe(200);
    const page = (await response.json()) as { reason: string; page: string };
    expect(page).toMatchObject({ reason: 'AUTH_TOKEN_MISSING', code: 1002 });
    expect(page.page).toContain('AUTH_TOKEN_MISSING');
  });

  it('answers 404 for what is no reason', async () => {
    const response = await app.request('/errors/NO_SUCH_REASON');
    expect(response.status).toBe(404);
    expect(await problem(response)).toMatchObject({ code: 1004, reason: 'HTTP_NOT_FOUND' });
  });
});

describe('a request that leads nowhere', () => {
  it.each([
    ['GET', '/no/such/page'],
    ['POST', '/health/live'],
    ['DELETE', '/errors'],
    ['GET', '/%00'],
    ['GET', '/health/components/heart'],
  ])('%s %s is a problem with a code that can be looked up', async (method, path) => {
    const response = await app.request(path, { method });
    expect(response.status).toBe(404);
    const body = await problem(response);
    expect(body).toMatchObject({ code: 1004, reason: 'HTTP_NOT_FOUND' });
    expect(await app.recordOf(body)).toMatchObject({ source: '127.0.0.1' });
  });

  it('is a problem with an address that cannot be read, too', async () => {
    const response = await app.request('/errors/%E0%A4%A');
    expect(response.status).toBe(400);
    expect(await problem(response)).toMatchObject({ code: 1004, reason: 'HTTP_REQUEST_INVALID' });
  });
});

describe('a body', () => {
  it('that is no JSON is a problem', async () => {
    const response = await post('/admin/session', '{"token":');
    expect(response.status).toBe(400);
    expect(await problem(response)).toMatchObject({ code: 1004, reason: 'HTTP_REQUEST_INVALID' });
  });

  it.each(['application/json', 'application/x-www-form-urlencoded'])(
    'that is too large is a problem (%s)',
    async (type) => {
      const token = 'x'.repeat(200_000);
      const response = await post(
        '/admin/session',
        type.endsWith('json') ? JSON.stringify({ token }) : `token=${token}`,
        type,
      );
      expect(response.status).toBe(413);
      expect(await problem(response)).toMatchObject({ code: 1004, reason: 'CONTENT_TOO_LARGE' });
    },
  );

  it.each(['null', '[]', '"text"', '{"token":{"$ne":null}}', '{"__proto__":{"token":"x"}}'])(
    'of %s is nobody’s token',
    async (body) => {
      const response = await post('/admin/session', body);
      expect([400, 401]).toContain(response.status);
      expect([1002, 1004]).toContain((await problem(response)).code);
    },
  );
});

describe('in production', () => {
  it('nobody issues development tokens', async () => {
    const response = await post('/auth/dev-token', JSON.stringify({ user: 'mallory', admin: true }));
    expect(response.status).toBe(404);
    expect(await problem(response)).toMatchObject({ reason: 'HTTP_NOT_FOUND' });
  });

  it('the cookie of an admin travels over TLS alone', async () => {
    const response = await post('/admin/session', JSON.stringify({ token: await app.adminToken() }));
    expect(response.status).toBe(200);
    expect(response.headers.get('set-cookie')).toContain('Secure');
  });

  it('metrics are for admins', async () => {
    const refused = await app.request('/metrics');
    expect(refused.status).toBe(401);
    await problem(refused);
    const headers = { authorization: `Bearer ${await app.adminToken()}` };
    const allowed = await app.request('/metrics', { headers });
    expect(allowed.status).toBe(200);
    expect(await allowed.text()).toContain('clarion_failures_total');
  });
});

describe('health', () => {
  it.each([
    '/health',
    '/health/live',
    '/health/ready',
    '/health/startup',
    '/health/components',
    '/health/components/database',
  ])('%s answers 200 once all is up', async (path) => {
    expect((await app.request(path)).status).toBe(200);
  });

  it('gives the words alone to everybody, details to admins, by HTTP and by socket', async () => {
    const report = async (headers: Record<string, string> = {}): Promise<ComponentReport> => {
      const response = await app.request('/health/components', { headers });
      return componentReportSchema.parse(await response.json());
    };
    const everybody = await report();
    expect(Object.keys(everybody.component_details).sort()).toEqual([...COMPONENT_NAMES].sort());
    const details = (given: ComponentReport): unknown[] =>
      Object.values(given.component_details).filter((component) => Object.keys(component).length > 1);
    expect(everybody).toMatchObject({ healthy: true, status: 'healthy', failed_components: [] });
    expect(details(everybody)).toEqual([]);
    expect(details(await report({ authorization: `Bearer ${await app.adminToken()}` }))).not.toEqual([]);

    const answer = await (await app.connect('alice')).request('health_check', {});
    expect(answer.ok && details(answer.report)).toEqual([]);
    const admin = await app.connect('root', { token: await app.adminToken() });
    const full = await admin.request('health_check', {});
    expect(full.ok && details(full.report).length).toBeGreaterThan(0);
  });
});
