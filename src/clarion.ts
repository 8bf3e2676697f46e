import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Logger, PinoLogger } from 'nestjs-pino';
import { mountBullBoard } from './admin';
import { Supervisor } from './agents';
import { AppModule } from './app.module';
import type { AppConfig } from './config';
import { ComponentError } from './errors';
import { Connections, SocketIoAdapter } from './gateway';
import { DrainState } from './health';
import { PersistenceLifecycle } from './persistence';
import { QueuesLifecycle } from './queues';
import { RedisLifecycle } from './redis';
import { createLogger, httpLogging, httpSpans, type Logger as Pino, Tracing } from './telemetry';

/** How long a request may take to come; only then is it worked on. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
/** Longer than load balancers keep an idle connection, mostly 60 s: they, not we, end it. */
const KEEP_ALIVE_MS = 65_000;
/** A connection on which nothing moves, as of a client that does not read its answer. Far longer than a long poll is held. */
const STILL_MS = 120_000;

/** A running process of Clarion. */
export interface RunningClarion {
  readonly app: NestExpressApplication;
  readonly url: string;
  /** Drains and stops everything, in order; may be called again. */
  stop(): Promise<void>;
}

/**
 * Starts Clarion: listens first, so that probes and clients get coded answers while the rest comes up.
 * @param onFatal hears of what ends the process after the start
 * @throws ComponentError that ends the start; whatever was started is stopped again
 */
export async function startClarion(
  config: AppConfig,
  onFatal: (error: unknown) => void,
  logger: Pino = createLogger(config),
): Promise<RunningClarion> {
  makeDataDir(config.server.dataDir);
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(config, logger), {
    logger: new Logger(new PinoLogger(httpLogging(logger)), {}),
    abortOnError: false,
    rawBody: true, // what signed webhooks are verified by
  });
  app.useWebSocketAdapter(new SocketIoAdapter(app, config));
  app.use(httpSpans(app.get(Tracing)));
  mountBullBoard(app);
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => (stopping ??= stopInOrder(app, config));
  try {
    await listen(app, config);
    await Promise.all([app.get(RedisLifecycle).open(), app.get(PersistenceLifecycle).open(onFatal)]);
    await app.get(QueuesLifecycle).start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { app, url: urlOf(app, config), stop };
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw ComponentError.dependencies('DATA_DIR_UNUSABLE', { cause, details: { path: dataDir } });
  }
}

async function listen(app: NestExpressApplication, config: AppConfig): Promise<void> {
  const { port, host } = config.server;
  const { pingIntervalMs, pingTimeoutMs } = config.gateway;
  const timeout = Math.max(STILL_MS, 2 * (pingIntervalMs + pingTimeoutMs));
  const limits = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS, timeout };
  Object.assign(app.getHttpServer(), limits);
  try {
    await app.listen(port, host);
  } catch (cause) {
    const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EADDRINUSE') throw ComponentError.dependencies('PORT_IN_USE', { cause, details: { port, host } });
    throw cause;
  }
}

function urlOf(app: NestExpressApplication, config: AppConfig): string {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const { host } = config.server;
  return `http://${host === '::' || host === '0.0.0.0' ? 'localhost' : host}:${port}`;
}

/** Not ready, then clients leave, then runs finish or are handed over, then what they stood on is closed. */
async function stopInOrder(app: NestExpressApplication, config: AppConfig): Promise<void> {
  app.get(DrainState).begin();
  await delay(config.server.drainDelayMs);
  app.get(Connections).drain();
  await app.get(QueuesLifecycle).stopTaking();
  await app.get(Supervisor).drain(config.server.shutdownGraceMs);
  await app.get(QueuesLifecycle).close();
  await app.close();
  await app.get(RedisLifecycle).close();
  await app.get(PersistenceLifecycle).close();
}
