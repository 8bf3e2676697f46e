import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

const NOW = () => 'now()';

/** The head of a user's durable event log. Its row lock orders the appends. */
@Entity('mailboxes')
@Index('mailboxes_unread', ['unreadSince'], { where: `"unread_since" IS NOT NULL` })
export class MailboxEntity {
  @PrimaryColumn('text', { name: 'user_id' }) userId!: string;
  @Column('text') epoch!: string;
  @Column('bigint', { default: 0 }) head!: number;
  /** The last `seq` that retention has removed. */
  @Column('bigint', { name: 'trimmed_to', default: 0 }) trimmedTo!: number;
  /** The last `seq` that a digest tells of: the user is not looked for again because of it. */
  @Column('bigint', { name: 'told_to', default: 0 }) toldTo!: number;
  /** Since when there may be critical events that no device has received; null where there are none, or the user is looked for already. */
  @Column({ type: 'timestamptz', name: 'unread_since', precision: 3, nullable: true }) unreadSince!: Date | null;
  /** Of the last token that had one, where AUTH_EMAIL_CLAIM asks for it. */
  @Column('text', { nullable: true }) email!: string | null;
  /** BCP 47, of the last connection that asked for one. */
  @Column('text', { nullable: true }) locale!: string | null;
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
