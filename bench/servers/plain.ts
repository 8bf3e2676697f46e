import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { createPostgresBackend, Queue, type QueueOptions, runMigrations, setDefaultBackendFactory } from 'bullmq';
import { Pool } from 'pg';
import type { Socket } from 'socket.io';
import { Column, DataSource, Entity, PrimaryColumn, type Repository } from 'typeorm';
import { serveBenchmark } from './control';

/** What a user would write instead of Clarion: save the message, enqueue the job, tell the user, acknowledge. */
@Entity('plain_messages')
class PlainMessage {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') userId!: string;
  @Column('text') content!: string;
  @Column('timestamptz', { default: () => 'now()' }) createdAt!: Date;
}

const MESSAGES = Symbol('MESSAGES');
const QUEUE = Symbol('QUEUE');

@WebSocketGateway({ transports: ['websocket'] })
class PlainGateway {
  constructor(
    @Inject(MESSAGES) private readonly messages: Repository<PlainMessage>,
    @Inject(QUEUE) private readonly queue: Queue,
  ) {}

  @SubscribeMessage('chat_message')
  async onMessage(@ConnectedSocket() socket: Socket, @MessageBody() body: { content: string }): Promise<object> {
    const userId = String(socket.handshake.auth['user']);
    const message = await this.messages.save({ id: randomUUID(), userId, content: body.content });
    await this.queue.add('run', { messageId: message.id });
    socket.emit('message_created', { id: message.id, content: message.content });
    socket.emit('run_queued', { id: message.id });
    return { ok: true, id: message.id };
  }
}

interface Options {
  readonly port: number;
  readonly url: string;
  /** The queue is in Redis; without, in PostgreSQL. */
  readonly redisUrl?: string;
}

async function main({ port, url, redisUrl }: Options): Promise<void> {
  const dataSource = new DataSource({
    type: 'postgres',
    url,
    entities: [PlainMessage],
    synchronize: true,
    extra: { max: 20 },
  });
  await dataSource.initialize();
  const connection = redisUrl === undefined ? await queuesInPostgres(url) : { url: redisUrl };
  const queue = new Queue('plain', { connection });
  queue.on('error', (error) => process.stderr.write(`${error.message}\n`));

  @Module({
    providers: [
      PlainGateway,
      { provide: MESSAGES, useValue: dataSource.getRepository(PlainMessage) },
      { provide: QUEUE, useValue: queue },
    ],
  })
  class PlainModule {}

  const app = await NestFactory.create(PlainModule, { logger: false });
  await app.listen(port, '127.0.0.1');
  serveBenchmark();
}

async function queuesInPostgres(url: string): Promise<QueueOptions['connection']> {
  const pool = new Pool({ connectionString: url, max: 20, options: '-c search_path=bullmq' });
  const client = await pool.connect();
  await runMigrations(client);
  client.release();
  setDefaultBackendFactory(createPostgresBackend);
  return pool;
}

void main(JSON.parse(process.argv[2] ?? '{}') as Options);
