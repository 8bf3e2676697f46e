import { NestFactory } from '@nestjs/core';
import { pino } from 'pino';
import { AppModule } from '../dist/app.module';
import { loadConfig } from '../dist/config';
import { SocketIoAdapter } from '../dist/gateway';
import { PersistenceLifecycle } from '../dist/persistence';
import { QueueHost } from '../dist/queues';

/** Clarion with its queues open and its workers off: what is measured is acceptance, enqueuing included. */
async function main(): Promise<void> {
  const [url = '', port = '0', dataDir = ''] = process.argv.slice(2);
  const config = loadConfig({
    DATABASE_URL: url,
    PORT: port,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'warn',
    MESSAGES_PER_MINUTE: '1000000',
    RUNS_PER_USER: '10000',
    CONNECTIONS_PER_USER: '10000',
  });
  const logger = pino({ level: 'warn' });
  const app = await NestFactory.create(AppModule.forRoot(config, logger), { logger: false });
  app.useWebSocketAdapter(new SocketIoAdapter(app, config));
  await app.listen(config.server.port, '127.0.0.1');
  const persistence = app.get(PersistenceLifecycle);
  await persistence.open((error) => {
    throw error;
  });
  await app.get(QueueHost).open({});
  process.send?.('ready');
}

void main();
