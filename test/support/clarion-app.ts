import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { ErrorBody, ErrorEnvelope } from '@clarion/protocol';
import { errorEnvelopeSchema } from '@clarion/protocol/schemas';
import type { Type } from '@nestjs/common';
import { SignJWT } from 'jose';
import { type RunningClarion, startClarion } from '../../src/clarion';
import { loadConfig } from '../../src/config';
import type { FailureRecord } from '../../src/errors';
import { Database } from '../../src/persistence';
import { createLogger } from '../../src/telemetry';
import { ChatClient, Refused } from './chat-client';
import { createTestDatabase, type TestDatabase } from './database';

export const SECRET = 'a secret of the tests, longer than 32 characters';
export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'clarion';

type LogLine = Record<string, unknown>;

interface StartOptions {
  /** What the environment says besides the ordinary. */
  readonly env?: Record<string, string>;
  /** How the process reaches its database, where not directly. */
  readonly through?: (databaseUrl: string) => Promise<string>;
  /** A database that another process used before, and that is kept. */
  readonly database?: TestDatabase;
}

/** Clarion in this process, with tokens of an issuer as in production, on a free port and a database of its own. */
export class ClarionApp {
  private clients: ChatClient[] = [];
  private readonly ownsDatabase: boolean;

  private constructor(
    private readonly running: RunningClarion,
    readonly database: TestDatabase,
    private readonly dataDir: string,
    readonly lines: LogLine[],
    { database: given }: StartOptions,
  ) {
    this.ownsDatabase = given === undefined;
  }

  static async start(options: StartOptions = {}): Promise<ClarionApp> {
    const database = options.database ?? (await createTestDatabase());
    const dataDir = await mkdtemp(join(tmpdir(), 'clarion-app-'));
    const config = loadConfig({
      HOST: '127.0.0.1',
      PORT: '0',
      DATA_DIR: dataDir,
      DATABASE_URL: (await options.through?.(database.url)) ?? database.url,
      AUTH_JWT_SECRET: SECRET,
      AUTH_JWT_ISSUER: ISSUER,
      AUTH_JWT_AUDIENCE: AUDIENCE,
      DRILL_AGENT: '1',
      RUN_RETRY_MAX_DELAY_MS: '20',
      LOG_LEVEL: 'debug',
      MESSAGES_PER_MINUTE: '100000',
      ...options.env,
    });
    const lines: LogLine[] = [];
    const onFatal = (error: unknown): never => {
      throw error;
    };
    const running = await startClarion(config, onFatal, createLogger(config, capture(lines)));
    return new ClarionApp(running, database, dataDir, lines, options);
  }

  get url(): string {
    return this.running.url;
  }

  /** A token of the trusted issuer, good for an hour; claims may be changed, or taken away by undefined. */
  token(user: string, claims: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: ISSUER, aud: AUDIENCE, sub: user, iat: now, exp: now + 3600 };
    const key = new TextEncoder().encode(SECRET);
    return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(key);
  }

  adminToken(): Promise<string> {
    return this.token('root', { scope: 'admin' });
  }

  /** Connects a user and waits for `replay_complete`. */
  async connect(
    user: string,
    auth: Record<string, unknown> = {},
    options: Record<string, unknown> = {},
  ): Promise<ChatClient> {
    const client = await ChatClient.connect(this.url, { token: await this.token(user), ...auth }, options);
    this.clients.push(client);
    return client;
  }

  /** Expects to be refused; the envelope, checked, whose reason the refusal's message is. */
  async refusal(auth: Record<string, unknown>, options: Record<string, unknown> = {}): Promise<ErrorEnvelope> {
    const [attempt] = await Promise.allSettled([ChatClient.connect(this.url, auth, options)]);
    if (attempt.status === 'fulfilled') {
      this.clients.push(attempt.value);
      throw new Error('the connection was admitted');
    }
    if (!(attempt.reason instanceof Refused)) throw attempt.reason;
    const { message, envelope } = attempt.reason;
    expect(errorEnvelopeSchema.parse(envelope)).toEqual(envelope);
    expect(message).toBe(envelope.error.reason);
    return envelope;
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, { redirect: 'manual', ...init });
  }

  /** The record of a support code, as an admin looks it up; checks that its owner was shown nothing internal. */
  async recordOf({ support_code, root_cause, reason }: ErrorBody): Promise<FailureRecord> {
    expect(root_cause).toBeNull();
    const headers = { authorization: `Bearer ${await this.adminToken()}` };
    const response = await this.request(`/admin/api/errors/${support_code}`, { headers });
    expect(response.status).toBe(200);
    const record = (await response.json()) as FailureRecord;
    expect(record).toMatchObject({ support_code, reason });
    expect(this.lines.filter((line) => line['support_code'] === support_code && 'fingerprint' in line)).toHaveLength(1);
    return record;
  }

  get<T>(provider: Type<T>): T {
    return this.running.app.get(provider, { strict: false });
  }

  query<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.get(Database).query<Row>(text, values);
  }

  /** Lets every client go; what any of them received against the protocol's schemas. */
  closeClients(): string[] {
    const problems = this.clients.flatMap(({ schemaProblems }) => schemaProblems);
    for (const client of this.clients) client.close();
    this.clients = [];
    return problems;
  }

  stop(): Promise<void> {
    return this.running.stop();
  }

  async dispose(): Promise<void> {
    this.closeClients();
    await this.stop();
    if (this.ownsDatabase) await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

function capture(lines: LogLine[]): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      lines.push(JSON.parse(line) as LogLine);
      done();
    },
  });
}

/** One Clarion for all tests of a `describe`; after each, its clients are let go and what they received must be valid. */
export function useClarionApp(options?: StartOptions): () => ClarionApp {
  let app: ClarionApp | undefined;
  const running = (): ClarionApp => {
    if (app === undefined) throw new Error('Clarion is not started yet: ask for it within a test');
    return app;
  };
  beforeAll(async () => {
    app = await ClarionApp.start(options);
  });
  afterEach(() => {
    expect(running().closeClients()).toEqual([]);
  });
  afterAll(() => app?.dispose());
  return running;
}

/** A user of one test alone. */
export function newUser(): string {
  return `user-${randomUUID()}`;
}
