import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config';
import { PassportJwtStrategy } from '../passport-jwt.strategy';
import { PassportJwtVerifier } from '../passport-jwt.verifier';
import { RemoteAuth } from '../remote/remote-auth';
import { TrustedIssuer } from '../trusted-issuer';
import { developmentSecret } from './development-secret';
import { DevelopmentIssuer } from './development.issuer';

let directory: string;
let dataDir: string;
let secretFile: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clarion-auth-'));
  dataDir = join(directory, 'data');
  secretFile = join(dataDir, 'dev-issuer-secret');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function verifier(environment: Record<string, string> = {}): Promise<PassportJwtVerifier> {
  const trusted = await TrustedIssuer.fromConfig(
    loadConfig({ DATA_DIR: dataDir, ...environment }),
    new RemoteAuth(null, null),
  );
  return new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted);
}

describe('DevelopmentIssuer', () => {
  it('issues tokens that the verifier of the same data directory accepts', async () => {
    const before = Math.floor(Date.now() / 1000);
    const issuer = await DevelopmentIssuer.open(dataDir);
    const principal = await (await verifier()).verify(await issuer.issue({ user: 'alice', ttlSeconds: 90 }));
    expect(principal).toMatchObject({ user_id: 'alice', admin: false, scopes: new Set() });
    expect(principal.token_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(principal.expires_at.getTime() / 1000 - before).toBeGreaterThanOrEqual(90);
    expect(principal.expires_at.getTime() / 1000 - before).toBeLessThan(100);
  });

  it('makes an admin only of whom it is told to', async () => {
    const issuer = await DevelopmentIssuer.open(dataDir);
    const principal = await (await verifier()).verify(await issuer.issue({ user: 'root', admin: true }));
    expect(principal).toMatchObject({ admin: true, scopes: new Set(['admin']) });
  });

  it('refuses a name that cannot be a user id', async () => {
    const issuer = await DevelopmentIssuer.open(dataDir);
    await expect(issuer.issue({ user: '' })).rejects.toMatchObject({ reason: 'AUTH_TOKEN_SUBJECT' });
    await expect(issuer.issue({ user: 'x'.repeat(129) })).rejects.toMatchObject({ reason: 'AUTH_TOKEN_SUBJECT' });
  });

  it('is not believed by another data directory, nor where an issuer is configured', async () => {
    const token = await (await DevelopmentIssuer.open(join(directory, 'other'))).issue({ user: 'alice' });
    await expect((await verifier()).verify(token)).rejects.toMatchObject({ reason: 'AUTH_TOKEN_SIGNATURE' });
    const configured = await verifier({
      AUTH_JWT_SECRET: 'a configured secret of 32 characters',
      AUTH_JWT_ISSUER: 'https://issuer.example',
      AUTH_JWT_AUDIENCE: 'clarion',
    });
    await expect(configured.verify(token)).rejects.toMatchObject({ reason: 'AUTH_TOKEN_SIGNATURE' });
  });
});

describe('developmentSecret', () => {
  it('keeps 256 random bits in a file that only its owner reads, and nothing beside it', async () => {
    const key = await developmentSecret(dataDir);
    expect(key.symmetricKeySize).toBe(32);
    expect((await stat(secretFile)).mode & 0o777).toBe(0o600);
    expect(await readdir(dataDir)).toEqual(['dev-issuer-secret']);
    expect((await developmentSecret(dataDir)).equals(key)).toBe(true);
    expect((await developmentSecret(join(directory, 'other'))).equals(key)).toBe(false);
  });

  it('closes a file that others could read', async () => {
    await developmentSecret(dataDir);
    await chmod(secretFile, 0o644);
    await developmentSecret(dataDir);
    expect((await stat(secretFile)).mode & 0o777).toBe(0o600);
  });

  it('gives everyone who starts at the same time the same key', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => developmentSecret(dataDir)));
    expect(new Set(keys.map((key) => key.export().toString('hex'))).size).toBe(1);
    expect(await readdir(dataDir)).toEqual(['dev-issuer-secret']);
  });

  it.each([
    ['an empty file', ''],
    ['something else', 'hunter2\n'],
    ['a secret cut short', Buffer.alloc(31).toString('base64url')],
  ])('refuses %s, and leaves it as it is', async (_, content) => {
    await developmentSecret(dataDir);
    await writeFile(secretFile, content);
    await expect(developmentSecret(dataDir)).rejects.toMatchObject({ reason: 'DATA_DIR_UNUSABLE' });
    expect(await readFile(secretFile, 'utf8')).toBe(content);
  });

  it('says so when the data directory cannot hold it', async () => {
    await writeFile(dataDir, 'a file where a directory should be');
    await expect(developmentSecret(dataDir)).rejects.toMatchObject({
      reason: 'DATA_DIR_UNUSABLE',
      cause: { code: 'ENOTDIR' },
    });
  });
});
