import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { MailboxEntity } from './mailbox.entities';

const NOW = () => 'now()';

/** A run: one agent's work on one message. `ordinal` orders the runs of a thread as their messages were committed. */
@Entity('runs')
@Index('runs_active_by_thread', ['threadId', 'ordinal'], { where: `"finished_at" IS NULL` })
@Index('runs_active_by_user', ['userId'], { where: `"finished_at" IS NULL` })
@Index('runs_running_by_worker', ['workerId'], { where: `"status" = 'running'` })
@Index('runs_by_thread', ['threadId', 'ordinal'])
@Index('runs_retry_once', ['retryOf'], { unique: true, where: `"retry_of" IS NOT NULL` })
@Check('runs_status', `"status" IN ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled')`)
@Check('runs_finished', `("finished_at" IS NOT NULL) = ("status" IN ('completed', 'failed', 'cancelled'))`)
export class RunEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column({ type: 'bigint', generated: 'identity', generatedIdentity: 'ALWAYS' }) ordinal!: number;
  @Column('text', { name: 'user_id' }) userId!: string;
  @Column('uuid', { name: 'thread_id' }) threadId!: string;
  @Column('uuid', { name: 'message_id' }) messageId!: string;
  @Column('text') agent!: string;
  @Column('text', { default: 'queued' }) status!: string;
  @Column('int', { default: 0 }) attempt!: number;
  @Column('int', { name: 'max_attempts' }) maxAttempts!: number;
  /** How often a wake-up was enqueued; part of the job id. */
  @Column('int', { default: 0 }) dispatch!: number;
  @Column({ type: 'timestamptz', name: 'dispatched_at', precision: 3, nullable: true }) dispatchedAt!: Date | null;
  /** Since when nobody advances it: its acceptance, or the loss of its last worker. */
  @Column({ type: 'timestamptz', name: 'waiting_since', precision: 3, default: NOW }) waitingSince!: Date;
  /** When the attempt that was begun by a retry is due; null for any other. */
  @Column({ type: 'timestamptz', name: 'next_attempt_at', precision: 3, nullable: true }) nextAttemptAt!: Date | null;
  /** The user was told that no worker takes it. */
  @Column('bool', { name: 'delay_told', default: false }) delayTold!: boolean;
  /** Failures of attempts that were followed by another one, in their order. */
  @Column('jsonb', { default: [] }) failures!: object[];
  /** Who advanced it, from when until when (`LeaseEntry`, agents). */
  @Column('jsonb', { default: [] }) leases!: object[];
  @Column('uuid', { name: 'worker_id', nullable: true }) workerId!: string | null;
  /** Fencing token: grows with every lease; a write with an older one matches no row. */
  @Column('int', { default: 0 }) fence!: number;
  /** Number of the last durable write under this fence: a repeated write whose outcome was unknown is recognised. */
  @Column('int', { default: 0 }) writes!: number;
  @Column('jsonb', { nullable: true }) error!: object | null;
  /** What had been written when the run ended. */
  @Column('text', { name: 'final_content', nullable: true }) finalContent!: string | null;
  @Column('jsonb', { nullable: true }) usage!: object | null;
  /** W3C trace context of the request that it answers, for whichever process advances it. */
  @Column('text', { nullable: true }) traceparent!: string | null;
  @Column('uuid', { name: 'retry_of', nullable: true }) retryOf!: string | null;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: NOW }) createdAt!: Date;
  @Column({ type: 'timestamptz', name: 'started_at', precision: 3, nullable: true }) startedAt!: Date | null;
  @Column({ type: 'timestamptz', name: 'finished_at', precision: 3, nullable: true }) finishedAt!: Date | null;
}

/** A piece of a partial answer, beginning at `index` (UTF-16 code units). Deleted when the run ends. */
@Entity('run_text')
export class RunTextEntity {
  @PrimaryColumn('uuid', { name: 'run_id' }) runId!: string;
  @PrimaryColumn('int') attempt!: number;
  @PrimaryColumn('int') index!: number;
  @Column('text') text!: string;
}

/** A step of a run, by what its agent calls it: what has completed is not done again. */
@Entity('run_steps')
@Check('run_steps_state', `"state" IN ('started', 'completed')`)
export class RunStepEntity {
  @PrimaryColumn('uuid', { name: 'run_id' }) runId!: string;
  @PrimaryColumn('text') key!: string;
  /** The attempt that has begun it last. */
  @Column('int') attempt!: number;
  @Column('text') state!: string;
  /** JSON text: unlike jsonb it takes any string. */
  @Column('text', { nullable: true }) result!: string | null;
  /** Length of the answer when it completed, in UTF-16 code units. */
  @Column('int', { name: 'text_length', nullable: true }) textLength!: number | null;
  @Column({ type: 'timestamptz', name: 'started_at', precision: 3, default: NOW }) startedAt!: Date;
  @Column({ type: 'timestamptz', name: 'finished_at', precision: 3, nullable: true }) finishedAt!: Date | null;
}

/** When a user, who has runs that have not ended, was last given a place of an agent whose places are limited. */
@Entity('agent_turns')
export class AgentTurnEntity {
  @PrimaryColumn('text') agent!: string;
  @PrimaryColumn('text', { name: 'user_id' }) userId!: string;
  @ManyToOne(() => MailboxEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'agent_turns_of_mailbox' })
  mailbox!: MailboxEntity;
  @Column({ type: 'timestamptz', name: 'served_at' }) servedAt!: Date;
}

/** A process that advances runs, and its last sign of life by the database's clock. */
@Entity('workers')
export class WorkerEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') host!: string;
  @Column('int') pid!: number;
  @Column({ type: 'timestamptz', name: 'started_at', precision: 3, default: NOW }) startedAt!: Date;
  @Column({ type: 'timestamptz', name: 'heartbeat_at', precision: 3, default: NOW }) heartbeatAt!: Date;
}
