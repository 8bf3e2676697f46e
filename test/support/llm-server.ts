import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LlmRequest {
  readonly authorization: string | undefined;
  readonly traceparent: string | string[] | undefined;
  readonly body: {
    readonly model: string;
    readonly messages: { role: string; content: unknown; tool_calls?: unknown; tool_call_id?: string }[];
    readonly tools?: { function: { name: string; parameters: unknown } }[];
    readonly stream_options?: unknown;
    readonly max_tokens?: number;
  };
}

/** How the peer answers one request. It may do to the response whatever a provider, or the network before it, does. */
export type LlmScript = (response: ServerResponse, request: LlmRequest) => void | Promise<void>;

export const USAGE = { prompt_tokens: 12, completion_tokens: 7, total_tokens: 19 };

/**
 * An OpenAI-compatible endpoint on a free port of loopback: `POST /v1/chat/completions` answers by script, one script a request, `GET /v1/models` as
 * `modelsStatus` says.
 */
export class LlmServer {
  readonly requests: LlmRequest[] = [];
  modelsStatus = 200;
  modelsRequests = 0;
  /** Requests whose connection was closed before their answer was complete. */
  abandoned = 0;
  /** The answer to requests beyond the scripts. */
  otherwise: LlmScript = fails(500);
  private readonly scripts: LlmScript[] = [];
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
  }

  static async start(port = 0): Promise<LlmServer> {
    const llm = new LlmServer();
    llm.server.listen(port, '127.0.0.1');
    await once(llm.server, 'listening');
    return llm;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  /** The answers to the next requests, in order. */
  script(...scripts: LlmScript[]): void {
    this.scripts.push(...scripts);
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('close', () => (this.abandoned += response.writableFinished ? 0 : 1));
    if (request.url === '/v1/models') {
      this.modelsRequests += 1;
      return json(response, this.modelsStatus, { object: 'list', data: [{ id: 'test-model' }] });
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as LlmRequest['body'];
    const { authorization, traceparent } = request.headers;
    const received = { authorization, traceparent, body };
    this.requests.push(received);
    const script = this.scripts.shift() ?? this.otherwise;
    await script(response, received);
  }
}

/** Streams `text` word by word, with finish reason and usage, as most providers do. */
export function says(text: string, options: { finish?: string; usage?: object | null } = {}): LlmScript {
  const { finish = 'stop', usage = USAGE } = options;
  return (response) => {
    begin(response);
    for (const word of text.match(/\s*\S+\s*/g) ?? []) chunk(response, { content: word });
    chunk(response, {}, finish);
    if (usage) event(response, { choices: [], usage });
    done(response);
  };
}

/** Calls tools; arguments that are text go out as they are, so that they may be no JSON. */
export function calls(...tools: { name: string; args: unknown }[]): LlmScript {
  return (response) => {
    begin(response);
    for (const [index, { name, args }] of tools.entries()) {
      const text = typeof args === 'string' ? args : JSON.stringify(args);
      const half = Math.ceil(text.length / 2);
      const id = `call_${index}_${name}`;
      chunk(response, {
        tool_calls: [{ index, id, type: 'function', function: { name, arguments: text.slice(0, half) } }],
      });
      chunk(response, { tool_calls: [{ index, function: { arguments: text.slice(half) } }] });
    }
    chunk(response, {}, 'tool_calls');
    event(response, { choices: [], usage: USAGE });
    done(response);
  };
}

/** Answers with a status and OpenAI's error body. */
export function fails(status: number, { code = null as string | null, headers = {} } = {}): LlmScript {
  return (response) =>
    json(response, status, { error: { message: 'no, and the key is sk-secret', type: 'error', code } }, headers);
}

/** Sends these lines of an event stream and ends the answer properly. */
export function sends(...lines: string[]): LlmScript {
  return (response) => {
    begin(response);
    response.end(lines.join(''));
  };
}

/** Begins to answer, then closes the socket. */
export function breaksOff(text: string): LlmScript {
  return async (response) => {
    begin(response);
    chunk(response, { content: text });
    await new Promise((flushed) => response.write(': \n\n', flushed));
    response.destroy();
  };
}

/** Begins to answer, or not even that, and then says nothing more. */
export function stalls(text?: string): LlmScript {
  return (response) => {
    if (text === undefined) return;
    begin(response);
    chunk(response, { content: text });
  };
}

/** Does not read on, nor answers: closes the socket. */
export const hangsUp: LlmScript = (response) => void response.destroy();

export function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** One event of the stream as a line, for `sends`. */
export function line(data: object | string): string {
  return `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}

export function delta(content: string, finish: string | null = null): string {
  return line({ id: 'c', choices: [{ index: 0, delta: { content }, finish_reason: finish }] });
}

function event(response: ServerResponse, data: object): void {
  response.write(line({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'test-model', ...data }));
}

function chunk(response: ServerResponse, delta: object, finish: string | null = null): void {
  event(response, { choices: [{ index: 0, delta, finish_reason: finish }] });
}

function done(response: ServerResponse): void {
  response.end(line('[DONE]'));
}

function json(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
