import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorBody } from '@clarion/protocol';
import { type ServerOptions, Server, type Socket } from 'socket.io';

export type Handler = (socket: Socket, payload: Record<string, unknown>, ack: (answer: unknown) => void) => void;

/** A server of the wire protocol that answers as a test wants it. */
export class ScriptedServer {
  readonly handshakes: Record<string, unknown>[] = [];
  readonly received: [string, Record<string, unknown>][] = [];
  readonly tokenRequests: unknown[] = [];
  tokenAnswer: { status: number; body: unknown } = { status: 200, body: { token: 'a-token' } };
  refusal: ErrorBody | null = null;
  handlers: Record<string, Handler> = {};
  private readonly http = createServer((request, response) => void this.onHttp(request, response));
  private readonly io: Server;

  constructor(options: Partial<ServerOptions> = {}) {
    this.io = new Server(this.http, options);
    this.io.use((socket, next) => {
      this.handshakes.push(socket.handshake.auth);
      const { refusal } = this;
      next(
        refusal === null
          ? undefined
          : Object.assign(new Error(refusal.reason), { data: { type: 'error', error: refusal } }),
      );
    });
    this.io.on('connection', (socket) =>
      socket.onAny((event: string, payload: Record<string, unknown>, ack: (answer: unknown) => void) => {
        this.received.push([event, payload]);
        this.handlers[event]?.(socket, payload, ack);
      }),
    );
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await this.io.close();
  }

  payloads(event: string): Record<string, unknown>[] {
    return this.received.filter(([name]) => name === event).map(([, payload]) => payload);
  }

  private async onHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url?.startsWith('/socket.io')) return;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.tokenRequests.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(this.tokenAnswer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(this.tokenAnswer.body));
  }
}

export function errorBody(reason: string, fields: Partial<ErrorBody> = {}): ErrorBody {
  const support_code = `${reason}_7K3F9QXM`;
  return {
    code: 1005,
    component: 'Database',
    reason,
    message: `message of ${reason}`,
    user_id: null,
    timestamp: '2026-11-21T17:30:00.000Z',
    details: null,
    root_cause: null,
    severity: 'error',
    retryable: false,
    retry_after_ms: null,
    close_code: 4005,
    support_code,
    trace_id: null,
    run_id: null,
    thread_id: null,
    help_url: `/errors/${reason}`,
    user_notification: {
      message: 'headline',
      severity: 'error',
      user_friendly_message: `sentence of ${reason}`,
      action_required: `action of ${reason}`,
      support_code,
    },
    ...fields,
  };
}
