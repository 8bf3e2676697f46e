import { NestFactory } from '@nestjs/core';
import { AppModule } from '../../dist/app.module';
import { startClarion } from '../../dist/clarion';
import { loadConfig } from '../../dist/config';
import { SocketIoAdapter } from '../../dist/gateway';
import { PersistenceLifecycle } from '../../dist/persistence';
import { QueueHost } from '../../dist/queues';
import { RedisLifecycle } from '../../dist/redis';
import { createLogger } from '../../dist/telemetry';
import { ISSUER } from '../token';
import { serveBenchmark } from './control';

interface Options {
  readonly port: number;
  readonly url: string;
  readonly dataDir: string;
  /** The queues are in Redis; without, in PostgreSQL. */
  readonly redisUrl?: string;
  /** Off: queues are open and nobody works on them, so that acceptance is measured, enqueuing included. */
  readonly workers: boolean;
}

/** Clarion as it is, with limits per user that a benchmark does not meet. */
async function main({ port, url, dataDir, redisUrl, workers }: Options): Promise<void> {
  const config = loadConfig({
    ...ISSUER,
    DATABASE_URL: url,
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'warn',
    DRILL_AGENT: '1',
    MESSAGES_PER_MINUTE: '1000000',
    RUNS_PER_USER: '0',
    WORKER_CONCURRENCY: '2000',
    CONNECTIONS_PER_USER: '10000',
  });
  const fatal = (error: unknown): never => {
    throw error;
  };
  if (workers) {
    await startClarion(config, fatal);
  } else {
    const app = await NestFactory.create(AppModule.forRoot(config, createLogger(config)), { logger: false });
    app.useWebSocketAdapter(new SocketIoAdapter(app, config));
    await app.listen(config.server.port, '127.0.0.1');
    await app.get(RedisLifecycle).open();
    const persistence = app.get(PersistenceLifecycle);
    await persistence.open(fatal);
    await app.get(QueueHost).open({});
  }
  serveBenchmark();
}

void main(JSON.parse(process.argv[2] ?? '{}') as Options);
