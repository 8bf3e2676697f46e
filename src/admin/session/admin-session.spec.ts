import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Module, Post, Res, UseGuards } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import { SignJWT } from 'jose';
import { DevelopmentIssuer, type Principal } from '../../auth';
import { type Answer, HttpApp } from '../../auth/http-app.fixture';
import { loadConfig } from '../../config';
import { type ComponentError, type Failure, type FailureContext, FailureReporter } from '../../errors';
import { AdminAccess, AdminGuard, adminMiddleware, AdminSessionModule } from '.';

/** Remembers what it is told; its texts hold what a page must escape. */
class RecordingReporter extends FailureReporter {
  readonly reported: (FailureContext & { reason: string })[] = [];

  override async report(error: unknown, context: FailureContext): Promise<Failure> {
    const cause = error as ComponentError;
    this.reported.push({ ...context, reason: cause.reason });
    const user_notification = {
      user_friendly_message: '<b>Not "signed" in.</b>',
      action_required: 'Take another token.',
      support_code: `${cause.reason}_7K3F9QXM`,
    };
    return { cause, error: { user_notification } } as Failure;
  }
}

@Controller('admin/api')
@UseGuards(AdminGuard)
class GuardedController {
  @Get('who')
  who(@Res() response: Response): void {
    response.json((response.locals.principal as Principal).user_id);
  }

  @Post('change')
  change(): string {
    return 'changed';
  }
}

@Module({ imports: [AdminSessionModule], controllers: [GuardedController] })
class GuardedModule {}

const PAGE = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
let dataDir: string;
let app: HttpApp;
let admin: string;
let user: string;

async function start(environment: Record<string, string> = {}): Promise<HttpApp> {
  const config = loadConfig({ DATA_DIR: dataDir, ...environment });
  const mountBoard = (nest: NestExpressApplication): void => {
    nest.use('/admin/queues', adminMiddleware(nest.get(AdminAccess)), (_: unknown, response: Response) => {
      response.json({ board: (response.locals.principal as Principal).user_id });
    });
  };
  return HttpApp.start(config, [GuardedModule], mountBoard, { reporter: new RecordingReporter() });
}

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'clarion-admin-'));
  app = await start();
  const issuer = app.app.get(DevelopmentIssuer);
  [admin, user] = await Promise.all([
    issuer.issue({ user: 'root', admin: true, ttlSeconds: 600 }),
    issuer.issue({ user: 'alice' }),
  ]);
});

afterAll(async () => {
  await app.close();
  await rm(dataDir, { recursive: true, force: true });
});

const reported = () => app.app.get<RecordingReporter>(FailureReporter).reported;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const cookie = (token: string) => ({ cookie: `theme=dark; clarion_admin=${token}; clarion_admin2=x` });
const setCookieOf = (answer: Answer) => answer.headers['set-cookie']?.[0] ?? '';
const reasonOf = (answer: Answer) => (JSON.parse(answer.body) as { reason: string }).reason;
const signIn = (sending: Parameters<HttpApp['send']>[1]) => app.send('/admin/session', { method: 'POST', ...sending });

describe('POST /admin/session', () => {
  it.each([
    ['JSON', () => ({ json: { token: admin } })],
    ['a bearer token', () => ({ headers: bearer(admin) })],
  ])('gives an admin a cookie for %s', async (_, sending) => {
    const answer = await signIn(sending());
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ user_id: 'root', expires_at: expect.stringMatching(/^\d{4}-.*Z$/) });
    expect(answer.headers['cache-control']).toBe('no-store');
    const [pair, ...attributes] = setCookieOf(answer).split('; ');
    expect(pair).toBe(`clarion_admin=${admin}`);
    expect(attributes).toEqual(expect.arrayContaining(['Path=/admin', 'HttpOnly', 'SameSite=Strict']));
    expect(attributes).not.toContain('Secure');
    expect(Number(/Max-Age=(\d+)/.exec(setCookieOf(answer))![1])).toBeGreaterThan(500);
    expect(Number(/Max-Age=(\d+)/.exec(setCookieOf(answer))![1])).toBeLessThanOrEqual(600);
  });

  it('sends whoever used the form on to the pages', async () => {
    const answer = await signIn({ form: { token: ` ${admin}\r\n` } });
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe('/admin/queues');
    expect(setCookieOf(answer)).toContain(`clarion_admin=${admin};`);
  });

  it.each([
    ['AUTH_SCOPE_MISSING', 403, 'a token without the scope', () => user],
    ['AUTH_TOKEN_SIGNATURE', 401, 'a forged token', () => `${admin.slice(0, -8)}AAAAAAAA`],
    ['AUTH_TOKEN_MALFORMED', 401, 'something else', () => '<script>alert(1)</script>'],
    ['AUTH_TOKEN_MISSING', 401, 'nothing', () => ' '],
  ])(
    'refuses with %s (%i) %s, as JSON and by the form, and reports it with its source',
    async (reason, status, _, token) => {
      const before = reported().length;
      const byJson = await signIn({ json: { token: token() } });
      const byForm = await signIn({ form: { token: token() } });
      expect([byJson.status, byForm.status]).toEqual([status, status]);
      expect([setCookieOf(byJson), setCookieOf(byForm)]).toEqual(['', '']);
      expect(reasonOf(byJson)).toBe(reason);
      const expected = { reason, operation: 'admin.sign_in', source: expect.stringContaining('127.0.0.1') };
      expect(reported().slice(before)).toEqual([expected, expected]);
    },
  );

  it('shows the form again with what went wrong, escaped', async () => {
    const { headers, body } = await signIn({ form: { token: user } });
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(body).toContain('role="alert"');
    expect(body).toContain('&#60;b&#62;Not &#34;signed&#34; in.&#60;/b&#62; Take another token.');
    expect(body).toContain('AUTH_SCOPE_MISSING_7K3F9QXM');
    expect(body).toContain('<form method="post" action="/admin/session">');
  });

  it.each([
    ['no body', {}],
    ['a list', { json: [] }],
    ['a number as token', { json: { token: 5 } }],
    ['a form without it', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, json: 'x' }],
  ])('takes %s for a missing token', async (_, sending) => {
    expect((await signIn(sending)).status).toBe(401);
  });

  it.each([
    ['a page of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['a page of a sibling site', { 'sec-fetch-site': 'same-site' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['an opaque origin', { origin: 'null' }],
  ])('lets %s sign nobody in', async (_, headers) => {
    const answer = await signIn({ headers, json: { token: admin } });
    expect([answer.status, reasonOf(answer), setCookieOf(answer)]).toEqual([403, 'ORIGIN_NOT_ALLOWED', '']);
  });
});

describe('POST /admin/session with a configured issuer', () => {
  const secret = 'a configured secret of 32 characters';
  let production: HttpApp;

  beforeAll(async () => {
    const issuer = { AUTH_JWT_SECRET: secret, AUTH_JWT_ISSUER: 'issuer', AUTH_JWT_AUDIENCE: 'clarion' };
    production = await start({ NODE_ENV: 'production', ...issuer });
  });

  afterAll(() => production.close());

  async function signInWith(claims: Record<string, string>): Promise<Answer> {
    const token = await new SignJWT({ scope: 'admin', ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('issuer')
      .setAudience('clarion')
      .setSubject('root')
      .setExpirationTime('1h')
      .sign(Buffer.from(secret));
    return production.send('/admin/session', { method: 'POST', json: { token } });
  }

  it('marks the cookie Secure in production', async () => {
    expect(setCookieOf(await signInWith({})).split('; ')).toContain('Secure');
  });

  it('refuses a token that no browser would keep, and says what to do instead', async () => {
    const answer = await signInWith({ more: 'x'.repeat(4_000) });
    expect([answer.status, reasonOf(answer), setCookieOf(answer)]).toEqual([400, 'HTTP_REQUEST_INVALID', '']);
    expect(answer.body).toContain('Authorization: Bearer');
  });
});

describe('GET and DELETE /admin/session', () => {
  it('shows a form that needs nothing from elsewhere', async () => {
    const { status, headers, body } = await app.send('/admin/session', { headers: PAGE });
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-store',
    ]);
    expect(headers['referrer-policy']).toBe('same-origin');
    expect(headers['content-security-policy']).toContain("form-action 'self'; frame-ancestors 'none'");
    expect(body).toContain('<html lang="en">');
    expect(body).toContain('<label for="token">');
    expect(body).not.toMatch(/<script|https?:|role="alert"/);
  });

  it('allows exactly the style that the page holds', async () => {
    const { headers, body } = await app.send('/admin/session');
    const style = /<style>([^]*)<\/style>/.exec(body)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toContain(`style-src 'sha256-${hash}'`);
  });

  it('takes the cookie away', async () => {
    const answer = await app.send('/admin/session', { method: 'DELETE', headers: cookie(admin) });
    expect(answer.status).toBe(204);
    expect(setCookieOf(answer)).toMatch(/^clarion_admin=; Path=\/admin; Expires=Thu, 01 Jan 1970/);
  });

  it('lets no other site sign somebody out', async () => {
    const headers = { ...cookie(admin), 'sec-fetch-site': 'cross-site' };
    const answer = await app.send('/admin/session', { method: 'DELETE', headers });
    expect([answer.status, reasonOf(answer), setCookieOf(answer)]).toEqual([403, 'ORIGIN_NOT_ALLOWED', '']);
  });
});

describe.each([
  ['AdminGuard', '/admin/api/who', '"root"'],
  ['adminMiddleware', '/admin/queues/', '{"board":"root"}'],
])('%s', (_, path, page) => {
  it.each([
    ['a bearer token', () => bearer(admin)],
    ['the cookie', () => cookie(admin)],
    ['both, where the bearer token counts', () => ({ ...bearer(admin), ...cookie(user) })],
  ])('lets an admin in by %s', async (_way, headers) => {
    const { status, body } = await app.send(path, { headers: headers() });
    expect([status, body]).toEqual([200, page]);
  });

  it.each([
    [401, 'AUTH_TOKEN_MISSING', 'nothing', () => ({})],
    [401, 'AUTH_TOKEN_MISSING', 'other credentials', () => ({ authorization: 'Basic cm9vdDpyb290' })],
    [401, 'AUTH_TOKEN_MISSING', 'an empty cookie', () => cookie('')],
    [401, 'AUTH_TOKEN_MALFORMED', 'a cookie of something else', () => cookie('x')],
    [403, 'AUTH_SCOPE_MISSING', 'the token of a user', () => bearer(user)],
    [403, 'AUTH_SCOPE_MISSING', 'the cookie of a user', () => cookie(user)],
    [403, 'AUTH_SCOPE_MISSING', 'the cookie of a user in a browser', () => ({ ...cookie(user), ...PAGE })],
  ])('answers %i %s to %s', async (status, reason, _what, headers) => {
    const answer = await app.send(path, { headers: headers() });
    expect([answer.status, reasonOf(answer)]).toEqual([status, reason]);
  });
});

describe('a browser that is not signed in', () => {
  it.each([
    ['no cookie', {}],
    ['a cookie that is no token', cookie('x')],
  ])('is sent to the form with %s', async (_, headers) => {
    const { status, headers: answered } = await app.send('/admin/queues', { headers: { ...headers, ...PAGE } });
    expect([status, answered.location]).toEqual([303, '/admin/session']);
  });

  it('is told the truth when it does more than open a page', async () => {
    const answer = await app.send('/admin/queues/api/retry', { method: 'PUT', headers: PAGE });
    expect([answer.status, reasonOf(answer)]).toEqual([401, 'AUTH_TOKEN_MISSING']);
  });
});

describe('a change below /admin', () => {
  const change = (headers: Record<string, string>) => app.send('/admin/api/change', { method: 'POST', headers });

  it.each([
    ['by the cookie from our own page', () => ({ ...cookie(admin), 'sec-fetch-site': 'same-origin' })],
    [
      'by the cookie from our own origin',
      () => ({ ...cookie(admin), host: 'Ops.example', origin: 'https://ops.example' }),
    ],
    ['by the cookie from no page', () => cookie(admin)],
    ['by a bearer token, which no other site can add', () => ({ ...bearer(admin), 'sec-fetch-site': 'cross-site' })],
  ])('is made %s', async (_, headers) => {
    const { status, body } = await change(headers());
    expect([status, body]).toEqual([201, 'changed']);
  });

  it.each([
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['another site that claims our origin', { 'sec-fetch-site': 'cross-site', origin: 'http://127.0.0.1' }],
    ['another origin', { origin: 'https://evil.example' }],
    ['another port', { host: 'localhost:3000', origin: 'http://localhost:9' }],
    ['an opaque origin', { origin: 'null' }],
  ])('is refused by the cookie from %s', async (_, headers) => {
    const answer = await change({ ...cookie(admin), ...headers });
    expect([answer.status, reasonOf(answer)]).toEqual([403, 'ORIGIN_NOT_ALLOWED']);
  });
});
