import { join } from 'node:path';
import { SignJWT } from 'jose';
import { ROOT, type ProcessOptions } from '../support/clarion-process';
import type { FaultyProxy } from '../support/faulty-proxy';
import type { Node } from './node';
import type { PostgresServer } from './postgres-server';
import type { LedgerRedis } from './ledger-redis';

const SECRET = 'the secret of the ledger, longer than 32 characters';
const ISSUER = 'https://ledger.example';
const AUDIENCE = 'clarion';

/** So few that who stays away for some seconds misses events. */
export const KEPT_EVENTS = 40;

const ENVIRONMENT = {
  HOST: '127.0.0.1',
  AUTH_JWT_SECRET: SECRET,
  AUTH_JWT_ISSUER: ISSUER,
  AUTH_JWT_AUDIENCE: AUDIENCE,
  DRILL_AGENT: '1',
  PING_INTERVAL_MS: '2000',
  PING_TIMEOUT_MS: '2000',
  MESSAGES_PER_MINUTE: '100000',
  MAILBOX_MAX_EVENTS: String(KEPT_EVENTS),
};

/** Clarion as real processes behind a proxy, with whatever it stands on; it can be broken, and mended again. */
export interface Deployment {
  /** What it is, for the report. */
  readonly name: string;
  /** Between the clients and the processes that serve them. */
  readonly proxy: FaultyProxy;
  readonly postgres: PostgresServer;
  readonly redis: LedgerRedis | null;
  readonly nodes: readonly Node[];
  /**
   * The process is frozen and its database restarts; another takes its place; then it wakes. Resolves when the first has ended. Null where
   * more than one process is allowed.
   */
  readonly replaceProcess: (() => Promise<void>) | null;
  /** Ends of processes that nobody has asked for. */
  unexpectedEnds(): readonly string[];
  dispose(): Promise<void>;
}

/** A token that needs nobody to be alive. */
export function tokenOf(user: string, claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: ISSUER, aud: AUDIENCE, sub: user, iat: now, exp: now + 86_400, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(SECRET));
}

/** How a process of the build in `dist` is started. */
export function processOf(dist: string, environment: Record<string, string>): ProcessOptions {
  return { command: [process.execPath, join(dist, 'main.js')], env: { ...ENVIRONMENT, ...environment } };
}

/** Where the build is that is looked at unless another one is named. */
export const BUILT = join(ROOT, 'dist');
