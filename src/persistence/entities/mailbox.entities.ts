import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

const NOW = () => 'now()';

/** The head of a user's durable event log. Its row lock orders the appends. */
@Entity('mailboxes')
export class MailboxEntity {
  @PrimaryColumn('text', { name: 'user_id' }) userId!: string;
  @Column('text') epoch!: string;
  @Column('bigint', { default: 0 }) head!: number;
  /** The last `seq` that retention has removed. */
  @Column('bigint', { name: 'trimmed_to', default: 0 }) trimmedTo!: number;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: NOW }) createdAt!: Date;
}

/** How far a device has read. */
@Entity('mailbox_positions')
export class MailboxPositionEntity {
  @PrimaryColumn('text', { name: 'user_id' }) userId!: string;
  @PrimaryColumn('text', { name: 'device_id' }) deviceId!: string;
  @Column('bigint') position!: number;
  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: NOW }) updatedAt!: Date;
}

/** One durable event. */
@Entity('mailbox_events')
@Index('mailbox_events_by_thread', ['threadId'], { where: `"thread_id" IS NOT NULL` })
export class MailboxEventEntity {
  @PrimaryColumn('text', { name: 'user_id' }) userId!: string;
  @PrimaryColumn('bigint') seq!: number;
  @Column('text') type!: string;
  @Column('uuid', { name: 'thread_id', nullable: true }) threadId!: string | null;
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('int', { nullable: true }) attempt!: number | null;
  @Column('text', { nullable: true }) path!: string | null;
  @Column('boolean') critical!: boolean;
  @Column('jsonb') data!: object;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: NOW }) createdAt!: Date;
}
