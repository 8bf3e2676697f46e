import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number; readonly boolValue?: boolean };
}

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status: { readonly code?: number };
  readonly attributes: Attribute[];
  readonly events?: { readonly name: string; readonly attributes: Attribute[] }[];
  /** The process that recorded it. */
  readonly pid: number;
}

interface Payload {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: Attribute[] };
    readonly scopeSpans: { readonly spans: Omit<ReceivedSpan, 'pid'>[] }[];
  }[];
}

/** A receiver of spans over OTLP/HTTP with JSON, on loopback: takes them, answers an error, or nothing at all. */
export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly headers: NodeJS.Dict<string | string[]>[] = [];
  status: number | 'never' = 200;
  requests = 0;
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      this.requests += 1;
      this.headers.push(request.headers);
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (this.status === 'never') return;
        if (this.status === 200) this.take(JSON.parse(Buffer.concat(chunks).toString()) as Payload);
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  static async start(port = 0): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    receiver.server.listen(port, '127.0.0.1');
    await once(receiver.server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private take({ resourceSpans }: Payload): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const pid = Number(resource.attributes.find(({ key }) => key === 'process.pid')?.value.intValue);
      for (const { spans } of scopeSpans) this.spans.push(...spans.map((span) => ({ ...span, pid })));
    }
  }
}

/** The value of an attribute of a span. */
export function attribute({ attributes }: Pick<ReceivedSpan, 'attributes'>, key: string): unknown {
  const value = attributes.find((found) => found.key === key)?.value;
  return value?.stringValue ?? value?.intValue ?? value?.boolValue;
}
