import { mkdtemp } from 'node:fs/promises';
import { Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createTestDatabase } from '../test/support/database';
import { AdminModule, mountBullBoard, QueueDirectory } from './admin';
import { AgentsModule, RunQueue, SupportCodeLookup, HealthSummary, MessageIntake } from './agents';
import { AuthModule } from './auth';
import { ConfigModule, loadConfig } from './config';
import { ErrorsHttpModule, ErrorsModule, FailureRecordStore } from './errors';
import { MailboxModule, MailboxNotifications } from './mailbox';
import {
  NotificationSink,
  PersistenceLifecycle,
  PersistenceModule,
  PostgresFailureRecordStore,
  Database,
} from './persistence';
import { BullRunQueue, QueueHost, QueuesLifecycle, QueuesModule } from './queues';
import { createLogger, TelemetryModule } from './telemetry';
it('runs', async () => {
  const db = await createTestDatabase();
  const config = loadConfig({ DATA_DIR: await mkdtemp('/tmp/clarion-x'), DATABASE_URL: db.url, LOG_LEVEL: 'warn' });
  @Global()
  @Module({
    imports: [QueuesModule],
    providers: [
      { provide: FailureRecordStore, useExisting: PostgresFailureRecordStore },
      { provide: NotificationSink, useExisting: MailboxNotifications },
      { provide: RunQueue, useExisting: BullRunQueue },
      { provide: QueueDirectory, useExisting: QueueHost },
      { provide: HealthSummary, useValue: {} },
      { provide: SupportCodeLookup, useValue: {} },
    ],
    exports: [FailureRecordStore, NotificationSink, RunQueue, QueueDirectory, HealthSummary, SupportCodeLookup],
  })
  class Wiring {}
  @Module({
    imports: [
      ConfigModule.forRoot(config),
      TelemetryModule.forRoot(createLogger(config)),
      ErrorsModule,
      PersistenceModule,
      MailboxModule,
      AuthModule.forRoot(config),
      AgentsModule,
      QueuesModule,
      AdminModule,
      ErrorsHttpModule,
      Wiring,
    ],
  })
  class Root {}
  const app = await NestFactory.create(Root, { abortOnError: false });
  mountBullBoard(app as any);
  await app.listen(0);
  await app.get(PersistenceLifecycle).open(() => undefined);
  await app.get(QueuesLifecycle).start();
  const began = performance.now();
  const r = await (app.get(MessageIntake) as any)
    .accept?.({ user_id: 'alice', client_message_id: 'a', content: '{"tokens": 5}', agent: 'drill' })
    .catch((e: any) => e);
  process.stderr.write('RESULT ' + JSON.stringify(r) + '\n');
  for (let i = 0; i < 100; i++) {
    const rows = await app.get(Database).query<any>('SELECT status, final_content, error FROM runs');
    if (rows[0]?.status === 'completed' || rows[0]?.status === 'failed') {
      process.stderr.write(`RESULT ${performance.now() - began} ${JSON.stringify(rows)}\n`);
      break;
    }
    await new Promise((x) => setTimeout(x, 20));
  }
  await app.get(QueuesLifecycle).stopTaking();
  await app.get(QueuesLifecycle).close();
  await app.close();
  await app.get(PersistenceLifecycle).close();
  await db.drop();
});
