import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Logger } from '@nestjs/common';
import { type AppConfig, loadConfig } from '../../../config';
import { type Failure, FailureReporter } from '../../../errors';
import { McpHttpServer, overStdio } from '../../../../test/support/mcp-server';
import { ProviderIndicator } from '../../providers/provider.indicator';
import { ProviderCircuits } from '../../provider-circuits.service';
import { ProviderProbe } from '../../providers/provider-probe';
import type { RegisteredTool, ToolContext } from '../tool';
import { McpServers } from './mcp-servers.service';

class Reports extends FailureReporter {
  readonly reasons: string[] = [];

  override async report(error: unknown): Promise<Failure> {
    this.reasons.push((error as { reason?: string }).reason ?? String(error));
    return {} as Failure;
  }
}

const LIMIT_MS = 15_000;

async function until(condition: () => boolean): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > LIMIT_MS) throw new Error(`not in time: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

describe('McpServers', () => {
  const started: McpServers[] = [];
  const http: McpHttpServer[] = [];
  let reports: Reports;

  beforeAll(() => Logger.overrideLogger(false));

  beforeEach(() => {
    reports = new Reports();
  });

  afterEach(async () => {
    for (const servers of started.splice(0)) await servers.onApplicationShutdown();
    for (const server of http.splice(0)) await server.close();
  });

  async function serve(port?: number): Promise<McpHttpServer> {
    const server = await McpHttpServer.start(port);
    http.push(server);
    return server;
  }

  /** Started, and connected to as many as can be. */
  async function connect(settings: object, connected = Object.keys(settings).length): Promise<McpServers> {
    const config: AppConfig = loadConfig({ MCP_SERVERS: JSON.stringify(settings) });
    const servers = new McpServers(config, reports);
    started.push(servers);
    servers.onApplicationBootstrap();
    await until(() => Object.values(servers.states()).filter(Boolean).length === connected);
    return servers;
  }

  it('starts and asks none in a gateway, whose health has no provider then', async () => {
    const server = await serve();
    const config = loadConfig({
      ROLE: 'gateway',
      DATABASE_URL: 'postgres://127.0.0.1:1/none',
      REDIS_URL: 'redis://127.0.0.1:1',
      AUTH_ISSUER: 'https://issuer.example',
      AUTH_JWT_AUDIENCE: 'clarion',
      MCP_SERVERS: JSON.stringify({ orders: { url: server.url } }),
    });
    const servers = new McpServers(config, reports);
    started.push(servers);
    servers.onApplicationBootstrap();
    expect(servers.states()).toEqual({});
    const indicator = new ProviderIndicator(
      config,
      new ProviderProbe(config, reports),
      servers,
      new ProviderCircuits(config),
    );
    expect(await indicator.check(AbortSignal.timeout(1_000))).toEqual({ status: 'not_configured' });
  });

  function toolOf(servers: McpServers, name: string): RegisteredTool {
    const found = servers.tools().find((tool) => tool.name === name);
    if (found === undefined)
      throw new Error(
        `no ${name} among ${servers
          .tools()
          .map((tool) => tool.name)
          .join()}`,
      );
    return found;
  }

  function call(tool: RegisteredTool, args: object = {}, more: Partial<ToolContext> = {}): Promise<string> {
    const ids = { run_id: 'r', thread_id: 't', user_id: 'u' };
    return tool.call(args, { ...ids, signal: new AbortController().signal, progress: () => undefined, ...more });
  }

  describe.each<[string, (more?: object) => Promise<object>]>([
    ['stdio', async (more) => overStdio(more)],
    ['streamable HTTP', async (more) => ({ url: (await serve()).url, ...more })],
  ])('over %s', (_name, settingsOf) => {
    it('offers the tools of a server under its name, and calls them', async () => {
      const servers = await connect({ calc: await settingsOf({ tools: ['add', 'h*'] }) });
      expect(servers.tools().map(({ name }) => name)).toEqual(['calc_add', 'calc_hang', 'calc_huge']);
      const add = toolOf(servers, 'calc_add');
      expect(add).toMatchObject({
        description: 'Adds two numbers',
        inputSchema: { type: 'object', required: ['a', 'b'] },
      });
      expect(await call(add, { a: 2, b: 3 })).toBe('5');
    });

    it('tells the model what the server says of a failed call, and of arguments that do not fit', async () => {
      const servers = await connect({ calc: await settingsOf() });
      await expect(call(toolOf(servers, 'calc_fail'))).rejects.toMatchObject({
        name: 'ToolError',
        message: 'The disk is full.',
      });
      await expect(call(toolOf(servers, 'calc_add'), { a: 'x' })).rejects.toMatchObject({ name: 'ToolError' });
      expect(servers.states()).toEqual({ calc: true });
    });

    it('waits for a tool no longer than it may, but for one that tells its progress', async () => {
      const servers = await connect({ calc: await settingsOf({ timeout_ms: 400, max_total_timeout_ms: 3_000 }) });
      await expect(call(toolOf(servers, 'calc_hang'))).rejects.toMatchObject({ message: 'No result within 400 ms.' });
      const told: [number, string][] = [];
      const progress: ToolContext['progress'] = (fraction, message) => told.push([fraction, message]);
      expect(await call(toolOf(servers, 'calc_slow'), { steps: 6, every_ms: 150 }, { progress })).toBe('done');
      expect(told).toContainEqual([0.5, 'Step 3']);
      expect(servers.states()).toEqual({ calc: true });
    });

    it('waits in all no longer than it may, whatever the progress', async () => {
      const servers = await connect({ calc: await settingsOf({ timeout_ms: 400, max_total_timeout_ms: 500 }) });
      const slow = call(toolOf(servers, 'calc_slow'), { steps: 50, every_ms: 100 });
      await expect(slow).rejects.toMatchObject({ name: 'ToolError' });
    });

    it('offers what a server has come to offer', async () => {
      const servers = await connect({ calc: await settingsOf() });
      const names = () => servers.tools().map(({ name }) => name);
      expect(names()).not.toContain('calc_grown');
      await call(toolOf(servers, 'calc_grow'));
      await until(() => names().includes('calc_grown'));
      expect(await call(toolOf(servers, 'calc_grown'))).toBe('new');
    });

    it('ends a call with the reason of its abort', async () => {
      const servers = await connect({ calc: await settingsOf() });
      const controller = new AbortController();
      const hanging = call(toolOf(servers, 'calc_hang'), {}, { signal: controller.signal });
      setImmediate(() => controller.abort(new Error('cancelled')));
      await expect(hanging).rejects.toThrow('cancelled');
    });
  });

  it('starts a server again that crashed, and reports that once', async () => {
    const servers = await connect({ calc: overStdio() });
    await expect(call(toolOf(servers, 'calc_crash'))).rejects.toMatchObject({ reason: 'MCP_SERVER_UNAVAILABLE' });
    await until(() => servers.states()['calc'] === false && servers.away().length === 1);
    expect(servers.tools()).toEqual([]);
    await until(() => servers.states()['calc'] === true);
    expect(await call(toolOf(servers, 'calc_add'), { a: 1, b: 1 })).toBe('2');
    expect(servers.away()).toEqual([]);
    expect(reports.reasons).toEqual(['MCP_SERVER_UNAVAILABLE']);
  });

  it('connects again to a server that was restarted, with its credentials', async () => {
    const first = await serve();
    const servers = await connect({ calc: { url: first.url, headers: { authorization: 'Bearer s3cret' } } });
    const add = toolOf(servers, 'calc_add');
    const { port } = first;
    await first.close();
    http.splice(0);
    await expect(call(add, { a: 1, b: 1 })).rejects.toMatchObject({ reason: 'MCP_SERVER_UNAVAILABLE' });
    const second = await serve(port);
    await until(() => servers.states()['calc'] === true);
    expect(await call(toolOf(servers, 'calc_add'), { a: 2, b: 2 })).toBe('4');
    expect(new Set([...first.authorizations, ...second.authorizations])).toEqual(new Set(['Bearer s3cret']));
  });

  it('does without a server that is not there, and tells what it said', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const dying = { command: 'sh', args: ['-c', 'echo no licence >&2; exit 1'] };
    const settings = {
      calc: overStdio(),
      gone: { url: `http://127.0.0.1:${port}/mcp` },
      dying,
      none: { command: '/no/such/program' },
    };
    const servers = await connect(settings, 1);
    expect(await call(toolOf(servers, 'calc_add'), { a: 1, b: 2 })).toBe('3');
    await until(() => servers.away().length === 3);
    expect(reports.reasons).toEqual(Array(3).fill('MCP_SERVER_UNAVAILABLE'));
    const details = servers.away().map(({ failure }) => failure?.details);
    expect(details).toContainEqual({ server: 'dying', stderr: 'no licence\n' });
  });

  it('leaves no process behind when it is stopped: neither a server nor what that has started', async () => {
    const stubborn = {
      command: 'sh',
      args: ['-c', `trap '' TERM; ${process.execPath} ${scriptOf(overStdio())} stdio; sleep 1000`],
    };
    const servers = await connect({ calc: stubborn });
    const child = Number(await call(toolOf(servers, 'calc_breed')));
    expect(lives(child)).toBe(true);
    await servers.onApplicationShutdown();
    await until(() => !lives(child));
  });
});

function scriptOf(settings: object): string {
  const { args } = settings as { args: string[] };
  return args.slice(0, 2).join(' ');
}
