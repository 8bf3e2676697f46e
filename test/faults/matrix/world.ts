import { setTimeout as delay } from 'node:timers/promises';
import type { ComponentDetail, ComponentReport } from '@clarion/protocol';
import { ClarionProcess } from '../../support/clarion-process';
import { administrate, adminUrl, createTestDatabase, rowsOf, type TestDatabase } from '../../support/database';
import { FaultyProxy } from '../../support/faulty-proxy';
import { calls, LlmServer, says } from '../../support/llm-server';
import { MailServer } from '../../support/mail-server';
import { McpHttpServer } from '../../support/mcp-server';
import { AUDIENCE, OidcProvider } from '../../support/oidc-provider';
import { RedisServer } from '../../support/redis-server';
import { SmallDisk } from '../../support/small-disk';
import { WebhookReceiver } from '../../support/webhook-receiver';

export const ALERT_SECRET = `whsec_${Buffer.from('a key of the tests, 32 bytes long').toString('base64')}`;
/** Where the webhook receives alerts; the pager, which is the same server, has other paths. */
export const HOOK = '/hook';
/** What asks the assistant to use a tool of the MCP server. */
export const USE_TOOL = 'Use the tool.';
const PASSWORD = 'secret';

/** A process that has just started raises no alert. */
const ALERTS_START_MS = 3_500;

/** Intervals and limits that make a fault seen, and its end, within a second or two. */
const IMPATIENT = {
  HEALTH_REFRESH_MS: '500',
  HEALTH_TIMEOUT_MS: '3000',
  HEALTH_DETAILS: 'always',
  AUTH_TIMEOUT_MS: '1000',
  LLM_PROBE_EVERY_MS: '1000',
  LLM_SILENCE_TIMEOUT_MS: '1000',
  PROVIDER_CIRCUIT_OPEN_MS: '1000',
  WORKER_DEAD_AFTER_MS: '1500',
  OUTBOUND_TIMEOUT_MS: '1000',
  ALERT_WAIT_MS: '1500',
  ALERT_DEGRADED_WAIT_MS: '1500',
  ALERT_QUIET_MS: '1500',
};

/** What no fault befalls may take its time on a busy machine. */
const PATIENT: Partial<Record<Peer, Record<string, string>>> = {
  database: { DATABASE_CONNECT_TIMEOUT_MS: '5000', DATABASE_STATEMENT_TIMEOUT_MS: '5000' },
  redis: { REDIS_COMMAND_TIMEOUT_MS: '5000' },
};

type Role = 'all' | 'gateway' | 'worker';

/** The processes of a world, and one more that is to be broken. */
export interface Cast {
  readonly processes: readonly Role[];
  readonly victim?: Role;
  /** The server whose ways are broken. */
  readonly broken?: Peer;
  /** One process with its own PostgreSQL, on a disk of its own, and without Redis. */
  readonly embedded?: boolean;
  /** Beside those that every world has. */
  readonly settings?: Readonly<Record<string, string>>;
}

export type Peer = 'database' | 'redis' | 'auth' | 'provider' | 'mcp' | 'pager' | 'webhook' | 'mail';

interface Servers {
  readonly database: TestDatabase;
  /** The database with a user of its own, who can be refused. */
  readonly role: string;
  readonly redis: RedisServer;
  readonly oidc: OidcProvider;
  readonly llm: LlmServer;
  readonly mcp: McpHttpServer;
  readonly webhook: WebhookReceiver;
  readonly mail: MailServer;
}

/** Processes of Clarion with everything that they talk to as real servers, each behind a proxy of its own that breaks the way to it. */
export class World {
  /** Those that stay well; who is asked how things are. */
  readonly processes: ClarionProcess[] = [];
  private broken: ClarionProcess | null = null;
  private balancer!: FaultyProxy;
  private ownDisk: SmallDisk | null = null;

  private constructor(
    readonly servers: Servers,
    readonly proxies: Readonly<Record<Peer, FaultyProxy>>,
    private readonly limits: Record<string, string>,
  ) {}

  static async start({ processes, victim, broken: peer, embedded = false, settings }: Cast): Promise<World> {
    const servers = await startServers();
    const ports: [Peer, number][] = [
      ['database', Number(new URL(servers.database.url).port)],
      ['redis', servers.redis.port],
      ['auth', servers.oidc.proxy.port],
      ['provider', servers.llm.port],
      ['mcp', servers.mcp.port],
      ['pager', servers.webhook.port],
      ['webhook', servers.webhook.port],
      ['mail', Number(new URL(servers.mail.url).port)],
    ];
    const proxies = await Promise.all(ports.map(async ([peer, port]) => [peer, await FaultyProxy.before([port])]));
    const others = Object.entries(PATIENT).filter(([name]) => name !== peer);
    const limits = Object.assign({}, IMPATIENT, ...others.map(([, patient]) => patient), settings) as Record<
      string,
      string
    >;
    const world = new World(servers, Object.fromEntries(proxies) as Record<Peer, FaultyProxy>, limits);
    if (embedded) world.ownDisk = new SmallDisk();
    const [broken, ...well] = await Promise.all([
      victim === undefined ? null : world.startProcess(victim),
      ...processes.map((role) => world.startProcess(role)),
    ]);
    world.broken = broken;
    // In the order of the cast: users connect to the first.
    world.processes.push(...well);
    const gateways = [victim === 'gateway' ? broken : null, world.processes[0]];
    world.balancer = await FaultyProxy.before(gateways.flatMap((gateway) => gateway?.port ?? []));
    await delay(ALERTS_START_MS);
    return world;
  }

  /** The process that is broken. */
  get victim(): ClarionProcess {
    if (this.broken === null) throw new Error('no process of this world is to be broken');
    return this.broken;
  }

  /** With the DATA_DIR of the one process. */
  get disk(): SmallDisk {
    if (this.ownDisk === null) throw new Error('this world has no disk of its own');
    return this.ownDisk;
  }

  /** Another process in the place of one that has ended. */
  async replaceVictim(): Promise<void> {
    const { dataDir, port, options } = this.victim;
    this.broken = await ClarionProcess.start({ ...options, dataDir, port });
  }

  /** Who is asked how things are. */
  get url(): string {
    return this.processes[0]?.url ?? '';
  }

  /** Where users connect: every connection reaches the next gateway. */
  get front(): string {
    return this.balancer.url;
  }

  /** The URL of the database on a way that no fault befalls. */
  get databaseUrl(): string {
    return this.ownDisk?.databaseUrl ?? this.servers.database.url;
  }

  private startProcess(role: Role): Promise<ClarionProcess> {
    const env: Record<string, string> = { ...this.environment, ...this.limits, ROLE: role };
    if (this.ownDisk === null) return ClarionProcess.start({ env });
    const { DATABASE_URL: _, REDIS_URL: __, ...alone } = env;
    return ClarionProcess.start({ env: alone, dataDir: this.ownDisk.dataDir });
  }

  rows<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    return rowsOf<Row>(this.databaseUrl, text, values);
  }

  /** Component -> how it is, in the words of the process. */
  async health(clarion: ClarionProcess): Promise<Record<string, ComponentDetail>> {
    const { body } = await clarion.get<ComponentReport>('/health/components');
    return body.component_details;
  }

  async dispose(): Promise<void> {
    const { database, redis, oidc, llm, mcp, webhook, mail, role } = this.servers;
    this.broken?.signal('SIGCONT');
    await Promise.all(Object.values(this.proxies).map((proxy) => proxy.heal()));
    const all = this.broken === null ? this.processes : [...this.processes, this.broken];
    await Promise.all(all.map((clarion) => clarion.dispose()));
    await Promise.all([...Object.values(this.proxies), this.balancer].map((proxy) => proxy.close()));
    this.ownDisk?.dispose();
    await Promise.all([redis.kill(), oidc.close(), llm.close(), mcp.close(), webhook.close(), mail.close()]);
    await database.drop();
    await administrate(adminUrl(), `DROP ROLE ${role}`);
  }

  private get environment(): Record<string, string> {
    const { servers, proxies } = this;
    const through = (peer: Peer): string => `127.0.0.1:${proxies[peer].port}`;
    const name = new URL(servers.database.url).pathname;
    return {
      HOST: '127.0.0.1',
      NODE_ENV: 'test',
      DRILL_AGENT: '1',
      DATABASE_POOL_SIZE: '5',
      MESSAGES_PER_MINUTE: '100000',
      RUN_RETRY_BUDGET_PERCENT: '1000',
      DATABASE_URL: `postgres://${servers.role}:${PASSWORD}@${through('database')}${name}`,
      REDIS_URL: `redis://${through('redis')}`,
      AUTH_INTROSPECTION_URL: `http://${through('auth')}/token/introspection`,
      AUTH_JWT_AUDIENCE: AUDIENCE,
      ...servers.oidc.client,
      LLM_BASE_URL: `http://${through('provider')}/v1`,
      LLM_MODEL: 'test-model',
      MCP_SERVERS: JSON.stringify({ peer: { url: `http://${through('mcp')}/mcp`, timeout_ms: 1_000 } }),
      ALERT_CHANNELS: 'webhook,email',
      PAGERDUTY_ROUTING_KEY: 'R'.repeat(32),
      PAGERDUTY_URL: `http://${through('pager')}`,
      ALERT_WEBHOOK_URL: `http://${through('webhook')}${HOOK}`,
      ALERT_WEBHOOK_SECRET: ALERT_SECRET,
      ALERT_EMAIL_TO: 'admin@example.com',
      SMTP_URL: `smtp://${through('mail')}`,
      SMTP_FROM: 'Chat <chat@example.com>',
      OUTBOUND_PRIVATE_ADDRESSES: '1',
    };
  }
}

async function startServers(): Promise<Servers> {
  const [database, redis, oidc, llm, mcp, webhook, mail] = await Promise.all([
    createTestDatabase(),
    RedisServer.start(),
    OidcProvider.start(),
    LlmServer.start(),
    McpHttpServer.start(),
    WebhookReceiver.start(),
    MailServer.start(),
  ]);
  const role = `user_of${new URL(database.url).pathname.slice(1)}`;
  await administrate(adminUrl(), `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD '${PASSWORD}'`);
  llm.otherwise = (response, request) => {
    const last = request.body.messages.at(-1);
    const wanted = last?.role === 'user' && JSON.stringify(last.content).includes(USE_TOOL);
    const script = wanted ? calls({ name: 'peer_add', args: { a: 1, b: 2 } }) : says('All is well.');
    return script(response, request);
  };
  return { database, role, redis, oidc, llm, mcp, webhook, mail };
}
