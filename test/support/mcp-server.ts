import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

// Self-contained, and without what Node cannot strip: over stdio it runs as `node test/support/mcp-server.ts stdio`.

const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: String(value) }] });
const nothing = z.object({});

/** An MCP server whose tools do well, badly, slowly, hugely or not at all. */
function misbehavingServer(): McpServer {
  const server = new McpServer({ name: 'misbehaving', version: '1.0.0' });
  const add = z.object({ a: z.number(), b: z.number() });
  let called = 0;
  server.registerTool('count', { description: 'Counts its calls', inputSchema: nothing }, async () =>
    text((called += 1)),
  );
  server.registerTool('add', { description: 'Adds two numbers', inputSchema: add }, async ({ a, b }) => text(a + b));
  server.registerTool(
    'hang',
    { description: 'Never answers', inputSchema: nothing },
    () => new Promise(() => undefined),
  );
  server.registerTool('crash', { description: 'Ends the server', inputSchema: nothing }, () => process.exit(3));
  server.registerTool('fail', { description: 'Fails', inputSchema: nothing }, async () => ({
    ...text('The disk is full.'),
    isError: true,
  }));
  const huge = z.object({ characters: z.number() });
  server.registerTool('huge', { description: 'Says much', inputSchema: huge }, async ({ characters }) =>
    text('0123456789'.repeat(characters / 10)),
  );
  const slow = z.object({ steps: z.number(), every_ms: z.number() });
  server.registerTool(
    'slow',
    { description: 'Tells its progress', inputSchema: slow },
    async ({ steps, every_ms }, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken ?? '';
      for (let progress = 1; progress <= steps; progress += 1) {
        await new Promise((resolve) => setTimeout(resolve, every_ms));
        const params = { progressToken, progress, total: steps, message: `Step ${progress}` };
        await ctx.mcpReq.notify({ method: 'notifications/progress', params });
      }
      return text('done');
    },
  );
  server.registerTool('grow', { description: 'Brings another tool', inputSchema: nothing }, async () => {
    server.registerTool('grown', { description: 'Was not there before', inputSchema: nothing }, async () =>
      text('new'),
    );
    return text('grown');
  });
  server.registerTool('breed', { description: 'Starts a process', inputSchema: nothing }, async () =>
    text(spawn('sleep', ['1000'], { stdio: 'ignore' }).pid),
  );
  return server;
}

/** The same server over streamable HTTP, on a port of loopback, with sessions that it forgets when it is closed. */
export class McpHttpServer {
  readonly authorizations: (string | undefined)[] = [];
  readonly traceparents: (string | string[] | undefined)[] = [];
  private readonly sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.handle(request, response));
  }

  static async start(port = 0): Promise<McpHttpServer> {
    const mcp = new McpHttpServer();
    mcp.server.listen(port, '127.0.0.1');
    await once(mcp.server, 'listening');
    return mcp;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/mcp`;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.authorizations.push(request.headers.authorization);
    this.traceparents.push(request.headers['traceparent']);
    const body = request.method === 'POST' ? Readable.toWeb(request) : undefined;
    const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const init = { method: request.method, headers, body, duplex: 'half' } as RequestInit;
    const answer = await (
      await this.session(headers)
    ).handleRequest(new Request(`http://localhost${request.url}`, init));
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).flushHeaders();
    if (answer.body === null) return void response.end();
    const stream = Readable.fromWeb(answer.body);
    stream.on('error', () => response.destroy());
    response.on('close', () => stream.destroy());
    stream.pipe(response);
  }

  private async session(headers: Headers): Promise<WebStandardStreamableHTTPServerTransport> {
    const known = this.sessions.get(headers.get('mcp-session-id') ?? '');
    if (known) return known;
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void this.sessions.set(id, transport),
    });
    await misbehavingServer().connect(transport);
    return transport;
  }
}

/** Settings of MCP_SERVERS for the same server as a process. */
export function overStdio(more: object = {}): object {
  return { command: process.execPath, args: ['--no-warnings', __filename, 'stdio'], ...more };
}

if (process.argv[2] === 'stdio') void misbehavingServer().connect(new StdioServerTransport());
