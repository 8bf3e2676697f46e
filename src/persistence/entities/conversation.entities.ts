import { Check, Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

const NOW = () => 'now()';

@Entity('threads')
@Index('threads_by_user', ['userId', 'updatedAt'])
export class ThreadEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { name: 'user_id' }) userId!: string;
  @Column('text', { nullable: true }) title!: string | null;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: NOW }) createdAt!: Date;
  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: NOW }) updatedAt!: Date;
}

@Entity('messages')
@Unique('messages_once', ['userId', 'clientMessageId'])
@Index('messages_by_thread', ['threadId', 'createdAt'])
@Check('messages_role', `"role" IN ('user', 'assistant')`)
export class MessageEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { name: 'user_id' }) userId!: string;
  @Column('uuid', { name: 'thread_id' }) threadId!: string;
  @Column('text') role!: 'user' | 'assistant';
  @Column('text') content!: string;
  @Column('text', { name: 'client_message_id', nullable: true }) clientMessageId!: string | null;
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('jsonb', { nullable: true }) metadata!: object | null;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: NOW }) createdAt!: Date;
}
