import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config';
import { HttpApp } from '../http-app.fixture';
import { TokenVerifier } from '../token-verifier';
import { DevelopmentIssuer } from './development.issuer';

const CONFIGURED = {
  AUTH_JWT_SECRET: 'a configured secret of 32 characters',
  AUTH_JWT_ISSUER: 'https://issuer.example',
  AUTH_JWT_AUDIENCE: 'clarion',
};

describe('POST /auth/dev-token', () => {
  let dataDir: string;
  let app: HttpApp;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'clarion-auth-'));
    app = await HttpApp.start(loadConfig({ DATA_DIR: dataDir }));
  });

  afterAll(async () => {
    await app.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const ask = (json: unknown, headers: Record<string, string> = {}) =>
    app.send('/auth/dev-token', { method: 'POST', json, headers });

  async function principalOf(body: string) {
    return app.app.get(TokenVerifier).verify((JSON.parse(body) as { token: string }).token);
  }

  it('gives a token that the verifier accepts', async () => {
    const { status, body } = await ask({ user: 'alice' });
    expect(status).toBe(200);
    expect(await principalOf(body)).toMatchObject({ user_id: 'alice', admin: false });
  });

  it('gives an admin token on request', async () => {
    const { body } = await ask({ user: 'alice', admin: true });
    expect(await principalOf(body)).toMatchObject({ user_id: 'alice', admin: true });
  });

  it.each([
    ['localhost', { host: 'localhost:3000' }],
    ['127.0.0.1', { host: '127.0.0.1' }],
    ['[::1]', { host: '[::1]:3000' }],
    ['a local origin', { host: 'LOCALHOST:3000', origin: 'http://localhost:5173' }],
  ])('serves %s', async (_, headers) => {
    expect((await ask({ user: 'alice' }, headers)).status).toBe(200);
  });

  it.each<[string, Record<string, string>]>([
    ['forwarded', { forwarded: 'for=127.0.0.1' }],
    ['forwarded', { 'x-forwarded-for': '127.0.0.1' }],
    ['forwarded', { 'X-Forwarded-Host': 'localhost' }],
    ['forwarded', { 'x-real-ip': '127.0.0.1' }],
    ['forwarded', { via: '1.1 proxy' }],
    ['host', { host: 'clarion.example' }],
    ['host', { host: 'localhost.clarion.example' }],
    ['host', { host: '127.0.0.1.nip.io:3000' }],
    ['host', { host: '127.1' }],
    ['host', { host: 'localhost:3000/x' }],
    ['origin', { origin: 'https://evil.example' }],
    ['origin', { origin: 'null' }],
    ['origin', { origin: 'http://localhost.evil.example' }],
    ['origin', { origin: 'http://localhost:3000@evil.example' }],
  ])('refuses by its %s a request with %j', async (check, headers) => {
    const { status, body } = await ask({ user: 'alice' }, headers);
    expect(status).toBe(403);
    expect(JSON.parse(body)).toEqual({ reason: 'DEV_TOKEN_REFUSED', details: { check } });
  });

  it.each<[string, unknown]>([
    ['no body', undefined],
    ['a list', []],
    ['no user', { admin: true }],
    ['an empty user', { user: '' }],
    ['a user of 129 characters', { user: 'x'.repeat(129) }],
    ['U+0000 in the user', { user: 'a\0' }],
    ['text as admin', { user: 'alice', admin: 'yes' }],
  ])('answers HTTP_REQUEST_INVALID to %s', async (_, json) => {
    const { status, body } = await ask(json);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ reason: 'HTTP_REQUEST_INVALID' });
  });

  it('does not take a large body', async () => {
    expect((await ask({ user: 'alice', more: 'x'.repeat(200_000) })).status).toBe(413);
  });

  it('does not exist where an issuer is configured', async () => {
    const configured = await HttpApp.start(loadConfig({ DATA_DIR: dataDir, ...CONFIGURED }));
    try {
      const { status } = await configured.send('/auth/dev-token', { method: 'POST', json: { user: 'alice' } });
      expect(status).toBe(404);
      expect(() => configured.app.get(DevelopmentIssuer, { strict: false })).toThrow();
    } finally {
      await configured.close();
    }
  });
});
