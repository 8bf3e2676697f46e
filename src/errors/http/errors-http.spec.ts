import { Controller, Get, Module, Post, Body, HttpException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { INestApplication } from '@nestjs/common';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { AppConfig, ConfigModule } from '../../config';
import { TelemetryModule } from '../../telemetry';
import { ComponentError } from '../component-error';
import { ErrorsModule } from '../errors.module';
import { FailureRecordStore } from '../failure-record';
import { MemoryFailureStore, temporaryDirectory } from '../failures.fixture';
import { ErrorsHttpModule } from './errors-http.module';

@Controller('probe')
class ProbeController {
  @Get('database')
  database(): never {
    throw ComponentError.database('DATABASE_UNAVAILABLE', { details: { retries: 3, host: 'db.internal' } });
  }

  @Get('unexpected')
  unexpected(): never {
    throw new TypeError('PRIVATE words');
  }

  @Get('teapot')
  teapot(): never {
    throw new HttpException('short and stout', 418);
  }

  @Get('token')
  token(): never {
    throw ComponentError.authentication('AUTH_TOKEN_MISSING');
  }

  @Post('body')
  body(@Body() body: unknown): unknown {
    return body;
  }
}

const directory = temporaryDirectory();
const store = new MemoryFailureStore();
let app: INestApplication;
let url: string;

@Module({
  controllers: [ProbeController],
  providers: [{ provide: FailureRecordStore, useValue: store }],
  exports: [FailureRecordStore],
})
class ProbeModule {}

beforeEach(async () => {
  const config = {
    server: { dataDir: directory() },
    errors: { exposeRootCause: false, spoolMaxBytes: 100_000 },
    telemetry: {},
  };
  const imports = [
    ConfigModule.forRoot(config as unknown as AppConfig),
    TelemetryModule.forRoot(pino({ level: 'silent' })),
    ErrorsModule,
    ErrorsHttpModule,
    ProbeModule,
  ];
  class Root {}
  app = await NestFactory.create({ module: Root, imports }, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});

afterEach(() => app.close());

describe('an HTTP handler that throws', () => {
  it('is answered as a problem with the fields of the protocol, and its code can be looked up', async () => {
    const response = await fetch(`${url}/probe/database`);
    const problem = (await response.json()) as { support_code: string };
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(response.headers.get('retry-after')).toBe('2');
    expect(problem).toMatchObject({
      type: '/errors/DATABASE_UNAVAILABLE',
      title: 'Database session factory unavailable',
      status: 503,
      code: 1005,
      details: { retries: 3 },
      root_cause: null,
    });
    expect(store.records.get(problem.support_code)).toMatchObject({
      operation: 'http.GET /probe/database',
      private_details: { host: 'db.internal' },
    });
  });

  it.each([
    ['unexpected', 500, 'INTERNAL_ERROR'],
    ['teapot', 418, 'HTTP_REQUEST_INVALID'],
    ['token', 401, 'AUTH_TOKEN_MISSING'],
    ['nowhere', 404, 'HTTP_NOT_FOUND'],
  ])('/probe/%s answers %i %s and nothing of the inside', async (path, status, reason) => {
    const response = await fetch(`${url}/probe/${path}`);
    const text = await response.text();
    expect(response.status).toBe(status);
    expect(JSON.parse(text)).toMatchObject({ status, reason });
    expect(text).not.toMatch(/PRIVATE|stout|\.ts/);
    expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
  });

  it('answers a body that is no JSON or too large', async () => {
    const post = (body: string) =>
      fetch(`${url}/probe/body`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    expect(await (await post('{"a":')).json()).toMatchObject({ status: 400, reason: 'HTTP_REQUEST_INVALID' });
    const large = JSON.stringify({ a: 'x'.repeat(200_000) });
    expect(await (await post(large)).json()).toMatchObject({ status: 413, reason: 'CONTENT_TOO_LARGE' });
  });
});

describe('the catalogue over HTTP', () => {
  it('lists every reason and shows each with its page', async () => {
    const { errors } = (await (await fetch(`${url}/errors`)).json()) as {
      errors: { reason: string; help_url: string }[];
    };
    expect(errors.length).toBeGreaterThan(70);
    const entry = errors.find(({ reason }) => reason === 'DATABASE_UNAVAILABLE');
    const shown = (await (await fetch(`${url}${entry?.help_url}`)).json()) as { page: string };
    expect(shown).toMatchObject({ ...entry, code: 1005, retryable: true, retry_after_ms: 2000, http_status: 503 });
    expect(shown.page).toContain('## What to do');
  });

  it('is pages for a browser, without scripts, with everything that others get as JSON', async () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const list = await fetch(`${url}/errors`, { headers: { accept } });
    expect(list.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(list.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(list.headers.get('vary')).toMatch(/Accept\b.*Accept-Language/);
    expect(await list.text()).toContain('<a href="/errors/DATABASE_UNAVAILABLE">');
    const page = await (await fetch(`${url}/errors/DATABASE_UNAVAILABLE`, { headers: { accept } })).text();
    expect(page).toContain('<h1>DATABASE_UNAVAILABLE</h1>');
    expect(page).toContain('We could not save your message');
    expect(page).toMatch(/<h2>What to do<\/h2>\s*<ul>/);
    expect(page).not.toContain('<script');
  });

  it.each(['NOT_A_REASON', '..%2F..%2Fpackage', '__proto__'])('answers 404 for %s', async (name) => {
    const response = await fetch(`${url}/errors/${name}`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ reason: 'HTTP_NOT_FOUND' });
  });
});
