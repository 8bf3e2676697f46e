import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** How the receiver behaves towards one request: a status with headers and a body, or what it does with the connection. */
export type Behaviour =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  | 'never'
  | 'drop'
  | 'endless'
  | 'trickle';

/** A real HTTP server that remembers what it gets and answers as it is told: first the behaviours of `next`, one a request, then `usual`. */
export class WebhookReceiver {
  readonly received: Received[] = [];
  readonly next: Behaviour[] = [];
  usual: Behaviour = { status: 204 };
  private waiting: (() => void)[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => void receiver.take(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** What was received, once it is at least so much. */
  async until(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.received;
  }

  /** Forgets what it got, and what it was told. */
  reset(): void {
    this.received.length = 0;
    this.next.length = 0;
    this.usual = { status: 204 };
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const behaviour = this.next.shift() ?? this.usual;
    this.received.push({
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    });
    answer(response, behaviour);
    for (const wake of this.waiting.splice(0)) wake();
  }
}

/** The content of a webhook whose signature is right. @throws otherwise */
export function verified<T>(secret: string, { headers, body }: Received): T {
  return new Webhook(secret).verify(body, headers as Record<string, string>) as T;
}

function answer(response: ServerResponse, behaviour: Behaviour): void {
  if (behaviour === 'never') return;
  if (behaviour === 'drop') return void response.destroy();
  if (behaviour === 'trickle') return void response.writeHead(200).write('still ');
  if (behaviour === 'endless') {
    const more = (): boolean => response.destroyed || (response.write('x'.repeat(16_384)) && more());
    response.on('drain', more);
    more();
    return;
  }
  response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body);
}
