import type { DurableEvent, ErrorBody } from '@clarion/protocol';
import { errorBodySchema } from '@clarion/protocol/schemas';
import type { FailureRecord } from '../../src/errors';
import { ClarionApp } from '../support/clarion-app';

let app: ClarionApp;
let tokens: { admin: string; alice: string };

beforeAll(async () => {
  app = await ClarionApp.start();
  tokens = { admin: await app.adminToken(), alice: await app.token('alice') };
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return app.request(path, { headers });
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

async function refusal(response: Response): Promise<ErrorBody> {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  return errorBodySchema.parse(await response.json());
}

function signIn(token: string, headers: Record<string, string> = {}): Promise<Response> {
  const body = new URLSearchParams({ token });
  return app.request('/admin/session', { method: 'POST', body, headers: { origin: app.url, ...headers } });
}

/** What a browser would send back. */
function cookieOf(response: Response): string {
  const [pair] = (response.headers.get('set-cookie') ?? '').split(';');
  return pair ?? '';
}

describe.each(['/admin/api/errors', '/admin/api/statistics', '/admin/queues', '/admin/queues/api/queues'])(
  'GET %s',
  (path) => {
    it('is refused to whoever says not who it is, and to whoever is no admin', async () => {
      const unknown = await get(path);
      expect(unknown.status).toBe(401);
      expect(unknown.headers.get('www-authenticate')).toBe('Bearer');
      expect(await refusal(unknown)).toMatchObject({ code: 1002, reason: 'AUTH_TOKEN_MISSING' });
      const user = await get(path, bearer(tokens.alice));
      expect(user.status).toBe(403);
      const error = await refusal(user);
      expect(error).toMatchObject({ code: 1002, reason: 'AUTH_SCOPE_MISSING', details: { scope: 'admin' } });
      expect(await app.recordOf(error)).toMatchObject({ operation: expect.stringMatching(/^http\.GET /) as string });
    });

    it('is there for an admin, by token and by cookie', async () => {
      expect((await get(path, bearer(tokens.admin))).status).toBe(200);
      const cookie = cookieOf(await signIn(tokens.admin));
      expect((await get(path, { cookie })).status).toBe(200);
      expect((await get(path, { cookie: cookie.slice(0, -2) })).status).toBe(401);
    });
  },
);

describe('signing in with a browser', () => {
  it('leads from the page that was wanted to the form, and from the form to the queues', async () => {
    const wanted = await get('/admin/queues', { accept: 'text/html' });
    expect([wanted.status, wanted.headers.get('location')]).toEqual([303, '/admin/session']);
    const form = await get('/admin/session');
    expect(form.status).toBe(200);
    expect(await form.text()).toContain('<form method="post" action="/admin/session">');
    const signedIn = await signIn(tokens.admin);
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/admin/queues']);
    const [, ...attributes] = (signedIn.headers.get('set-cookie') ?? '').split('; ');
    expect(attributes).toEqual(expect.arrayContaining(['HttpOnly', 'SameSite=Strict', 'Path=/admin']));
    const board = await get('/admin/queues', { cookie: cookieOf(signedIn), accept: 'text/html' });
    expect(board.status).toBe(200);
    expect(await board.text()).toContain('<html');
  });

  it('is refused to users, and to forms of other sites', async () => {
    const user = await signIn(tokens.alice);
    expect([user.status, user.headers.get('set-cookie')]).toEqual([403, null]);
    expect(await user.text()).toMatch(/AUTH_SCOPE_MISSING_[0-9A-Z]{8}/);
    const foreign = await signIn(tokens.admin, { origin: 'https://evil.example' });
    expect([foreign.status, foreign.headers.get('set-cookie')]).toEqual([403, null]);
  });
});

describe('an admin', () => {
  it('finds the failed run of a user: its story, its job, the numbers', async () => {
    const client = await app.connect('alice');
    const { run_id } = await client.drill({ tokens: 3, per_second: 0, fail: { kind: 'throw', at_token: 2 } });
    const end = (await client.ended(run_id)) as DurableEvent<'agent_failed'>;
    const { support_code } = end.data.error;

    const story = await json<FailureRecord>(await get(`/admin/api/errors/${support_code}`, bearer(tokens.admin)));
    expect(story).toMatchObject({ support_code, run_id, user_id: 'alice', code: 1008 });
    expect(story.root_cause).toContain('drill was asked to throw at token 2');
    expect(story.stack).toContain('drill.agent');
    const { errors } = await json<{ errors: FailureRecord[] }>(
      await get(`/admin/api/errors?run_id=${run_id}`, bearer(tokens.admin)),
    );
    expect(errors.map((record) => record.support_code)).toContain(support_code);

    const { queues } = await json<{ queues: { name: string; counts: Record<string, number> }[] }>(
      await get('/admin/queues/api/queues', bearer(tokens.admin)),
    );
    expect(queues.map(({ name }) => name)).toContain('agent-runs');
    const statistics = await json<Record<string, unknown>>(await get('/admin/api/statistics', bearer(tokens.admin)));
    expect(statistics).toMatchObject({
      timestamp: expect.any(String) as string,
      queues: { 'agent-runs': expect.any(Object) as object },
      workers: [expect.any(Object)],
    });
    expect(JSON.stringify(statistics['runs'])).toContain('failed');
  });

  it('is told what is wrong with a question', async () => {
    const unknown = await get('/admin/api/errors/NO_SUCH_THING_7K3F9QXM', bearer(tokens.admin));
    expect(unknown.status).toBe(404);
    expect(await refusal(unknown)).toMatchObject({ reason: 'SUPPORT_CODE_NOT_FOUND', user_id: 'root' });
    const wrong = await get('/admin/api/errors?limit=many', bearer(tokens.admin));
    expect(wrong.status).toBe(400);
    expect(await refusal(wrong)).toMatchObject({ code: 1004, reason: 'HTTP_REQUEST_INVALID' });
  });
});
