import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import {
  Client,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  StreamableHTTPClientTransport,
  type Tool as McpTool,
  type Transport,
} from '@modelcontextprotocol/client';
import type { McpServerSettings } from '../../../config';
import { ComponentError, type FailureReporter } from '../../../errors';
import { CallHistory } from '../../../telemetry';
import { boundedFetch } from '../../providers/bounded-fetch';
import { type ToolContext, ToolError } from '../tool';
import { textOfResult } from './mcp-result';
import { ServerProcess } from './server-process';

const CONNECT_MS = 10_000;
const PING_EVERY_MS = 15_000;
const PING_MS = 2_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 5_000;
const MAX_BYTES = 16_777_216;
const CLIENT = { name: 'clarion', version: '1' };

interface Session {
  readonly client: Client;
  /** As last listed: a server that says that its list has changed is asked again. */
  tools: readonly McpTool[];
  /** Why that could not be done. */
  trouble: Error | null;
  /** Settles when the connection is over. */
  readonly closed: Promise<void>;
}

/** One MCP server: connected to, watched, and connected to again for as long as this process wants it. */
export class McpConnection {
  private readonly logger = new Logger(McpConnection.name);
  private readonly stopping = new AbortController();
  private session: Session | null = null;
  private keeping: Promise<void> = Promise.resolve();
  /** Resolved by what makes it doubtful that the server is there. */
  private doubt = Promise.withResolvers<void>();
  /** Why there is no connection; null while there is one, or before the first attempt has ended. */
  failure: ComponentError | null = null;
  /** Of the calls of runs, and whether the server was there to answer them. */
  readonly history = new CallHistory<ComponentError>();

  constructor(
    readonly name: string,
    readonly settings: McpServerSettings,
    private readonly reporter: FailureReporter,
  ) {}

  start(): void {
    this.keeping = this.keep();
  }

  /** Resolves when the connection is closed; of a server over stdio, when its processes have ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.session?.client.close();
    await this.keeping;
  }

  get connected(): boolean {
    return this.session !== null;
  }

  /** What the server offers; nothing while it is away. */
  tools(): readonly McpTool[] {
    return this.session?.tools ?? [];
  }

  /**
   * The result as text for the model.
   * @throws ToolError for what the server says of the call; ComponentError MCP_SERVER_UNAVAILABLE where it says nothing; the signal's reason
   */
  async call(tool: string, args: Record<string, unknown>, ctx: ToolContext): Promise<string> {
    const { session, settings } = this;
    if (session === null) throw this.missed(this.failure ?? this.unavailable());
    try {
      const result = await session.client.callTool(
        { name: tool, arguments: args },
        {
          signal: ctx.signal,
          timeout: settings.timeout_ms,
          resetTimeoutOnProgress: true,
          maxTotalTimeout: settings.max_total_timeout_ms,
          onprogress: ({ progress, total, message }) =>
            ctx.progress(total ? progress / total : 0, message ?? `${this.name}: ${tool}`),
        },
      );
      this.history.succeeded(); // also where the result is that the tool failed
      return textOfResult(result);
    } catch (error) {
      ctx.signal.throwIfAborted();
      throw this.failureOfCall(error, session);
    }
  }

  private failureOfCall(error: unknown, { client }: Session): Error {
    if (error instanceof ToolError) return error;
    if (error instanceof ProtocolError) return new ToolError(error.message);
    if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
      this.doubt.resolve();
      return new ToolError(`No result within ${this.settings.timeout_ms} ms.`);
    }
    if (error instanceof SdkError && error.code === SdkErrorCode.InvalidResult) {
      return new ToolError('The result is not what the tool promises.');
    }
    // A new connection may mend it: a server that restarted knows nothing of this one.
    void this.close(client);
    return this.missed(this.unavailable(error));
  }

  private missed(failure: ComponentError): ComponentError {
    this.history.failed(failure);
    return failure;
  }

  /** Never rejects. */
  private async keep(): Promise<void> {
    const { signal } = this.stopping;
    for (let backoff = FIRST_BACKOFF_MS; !signal.aborted; backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS)) {
      try {
        this.session = await this.connect();
        backoff = FIRST_BACKOFF_MS;
        await this.watch(this.session);
        throw new Error('the connection was closed', { cause: this.session.trouble });
      } catch (error) {
        this.session = null;
        await this.reportOnce(error);
      }
      await Promise.allSettled([delay(backoff * (0.75 + Math.random() / 2), undefined, { signal })]);
    }
  }

  private async connect(): Promise<Session> {
    const { signal } = this.stopping;
    const closed = Promise.withResolvers<void>();
    const onChanged = (error: Error | null, tools: McpTool[] | null): void => {
      session.tools = tools ?? [];
      session.trouble = error;
      // Nobody knows what is offered now: a new connection lists it anew.
      if (tools === null) void this.close(client);
    };
    const client = new Client(CLIENT, { listChanged: { tools: { onChanged } } });
    const session: Session = { client, tools: [], trouble: null, closed: closed.promise };
    client.onclose = () => closed.resolve();
    client.onerror = (error) => this.logger.debug({ server: this.name, err: error }, 'MCP connection');
    const transport = this.transport();
    try {
      await client.connect(transport, { timeout: CONNECT_MS, maxTotalTimeout: CONNECT_MS, signal });
      session.tools = (await client.listTools(undefined, { timeout: CONNECT_MS, signal })).tools;
      if (this.failure) this.logger.log({ server: this.name }, 'MCP server is there again');
      this.failure = null;
      return session;
    } catch (error) {
      await client.close();
      const stderr = transport instanceof ServerProcess ? transport.stderr : '';
      throw this.unavailable(error, stderr);
    }
  }

  private transport(): Transport {
    const { url, headers, max_total_timeout_ms: silenceMs } = this.settings;
    if (url === undefined) return new ServerProcess(this.settings);
    const bounded = boundedFetch(this.name, { silenceMs, maxBytes: MAX_BYTES });
    return new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers },
      // The stream of a GET is silent, and long, by nature.
      fetch: (input, init) => (init?.method === 'POST' ? bounded(input, init) : fetch(input, init)),
    });
  }

  /** Resolves when the connection is over; closes one whose server answers no ping, now and then or after a doubt. */
  private async watch({ client, closed }: Session): Promise<void> {
    const over = closed.then(() => true);
    for (;;) {
      const { signal } = this.stopping;
      this.doubt = Promise.withResolvers();
      const waited = new AbortController();
      const until = AbortSignal.any([signal, waited.signal]);
      const pause = Promise.allSettled([delay(PING_EVERY_MS, undefined, { signal: until })]).then(() => false);
      const ended = await Promise.race([over, pause, this.doubt.promise.then(() => false)]);
      waited.abort();
      if (ended || signal.aborted) return;
      try {
        await client.ping({ timeout: PING_MS, signal });
      } catch (error) {
        await this.close(client);
        throw this.unavailable(error);
      }
    }
  }

  private async close(client: Client): Promise<void> {
    try {
      await client.close();
    } catch (error) {
      await this.reporter.report(this.unavailable(error), { operation: 'mcp.close' });
    }
  }

  /** An outage is one failure, however often connecting fails. */
  private async reportOnce(error: unknown): Promise<void> {
    if (this.stopping.signal.aborted) return;
    const first = this.failure === null;
    this.failure = error instanceof ComponentError ? error : this.unavailable(error);
    if (first) await this.reporter.report(this.failure, { operation: 'mcp.connect' });
  }

  private unavailable(cause?: unknown, stderr = ''): ComponentError {
    const details = { server: this.name, ...(stderr === '' ? {} : { stderr }) };
    return ComponentError.dependencies('MCP_SERVER_UNAVAILABLE', { cause, details });
  }
}
