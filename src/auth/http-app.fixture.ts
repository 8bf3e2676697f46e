import { request as send, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type ArgumentsHost,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  HttpException,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Response } from 'express';
import { type AppConfig, ConfigModule } from '../config';
import { ComponentError, type Failure, FailureReporter } from '../errors';
import { Database } from '../persistence';
import { MetricsRegistry, Repairs } from '../telemetry';
import { AuthModule } from './auth.module';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
}

/** Answers with the reason alone, so that a spec of this room depends on no other room's filter. */
@Catch()
class ReasonFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (error instanceof ComponentError) {
      response.status(error.definition.httpStatus).json({ reason: error.reason, details: error.details });
    } else {
      response.status(error instanceof HttpException ? error.getStatus() : 500).json({ error: String(error) });
    }
  }
}

/** What the auth room stands on, where a spec has its own. */
interface Ground {
  readonly reporter?: FailureReporter;
  readonly database?: Pick<Database, 'ready' | 'onReady' | 'query'>;
}

class SilentReporter extends FailureReporter {
  override report(): Promise<Failure> {
    return Promise.resolve({} as Failure);
  }
}

const NO_DATABASE = { ready: false, onReady: () => undefined, query: () => Promise.resolve([]) };

function groundModule(reporter: FailureReporter, database: object): DynamicModule {
  class GroundModule {}
  const providers = [
    { provide: FailureReporter, useValue: reporter },
    { provide: Database, useValue: database },
    { provide: Repairs, useValue: new Repairs(new MetricsRegistry()) },
  ];
  return { module: GroundModule, global: true, providers, exports: [FailureReporter, Database, Repairs] };
}

/** A Nest application with the auth room and what a spec adds, on a free port of 127.0.0.1. */
export class HttpApp {
  private constructor(
    readonly app: NestExpressApplication,
    private readonly port: number,
  ) {}

  static async start(
    config: AppConfig,
    imports: Type[] = [],
    prepare?: (app: NestExpressApplication) => void,
    { reporter = new SilentReporter(), database = NO_DATABASE }: Ground = {},
  ): Promise<HttpApp> {
    class Root {}
    const ground = groundModule(reporter, database);
    const rooms = [ConfigModule.forRoot(config), ground, AuthModule.forRoot(config), ...imports];
    const options = { logger: false, abortOnError: false, rawBody: true } as const;
    const app = await NestFactory.create<NestExpressApplication>({ module: Root, imports: rooms }, options);
    app.useGlobalFilters(new ReasonFilter());
    prepare?.(app);
    await app.listen(0, '127.0.0.1');
    return new HttpApp(app, (app.getHttpServer().address() as AddressInfo).port);
  }

  /** Sends exactly the headers given, `Host` and `Origin` included. */
  send(path: string, { method = 'GET', headers = {}, json, form }: Sending = {}): Promise<Answer> {
    const body = form ? new URLSearchParams(form).toString() : json === undefined ? '' : JSON.stringify(json);
    const type = form ? 'application/x-www-form-urlencoded' : 'application/json';
    const length = { 'content-type': type, 'content-length': Buffer.byteLength(body).toString() };
    const options = { host: '127.0.0.1', port: this.port, path, method, agent: false as const, timeout: 10_000 };
    return new Promise((resolve, reject) => {
      const outgoing = send({ ...options, headers: { ...(body && length), ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers: received } = response;
          resolve({ status, headers: received, body: Buffer.concat(chunks).toString() });
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${path}`))).on('error', reject);
      outgoing.end(body);
    });
  }

  close(): Promise<void> {
    return this.app.close();
  }
}
