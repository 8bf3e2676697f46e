import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One reported failure, or an aggregate of what clients cause in masses; the fields are those of `FailureRecord` (errors). */
@Entity('error_records')
@Index('error_records_by_time', ['occurredAt'])
@Index('error_records_by_user', ['userId', 'occurredAt'], { where: `"user_id" IS NOT NULL` })
@Index('error_records_by_run', ['runId'], { where: `"run_id" IS NOT NULL` })
@Index('error_records_by_reason', ['reason', 'occurredAt'])
export class FailureRecordEntity {
  @PrimaryColumn('text', { name: 'support_code' }) supportCode!: string;
  @Column('int') code!: number;
  @Column('text') reason!: string;
  @Column('text') component!: string;
  @Column('text') severity!: string;
  @Column('text') fingerprint!: string;
  @Column('text') operation!: string;
  @Column({ type: 'timestamptz', name: 'occurred_at', precision: 3 }) occurredAt!: Date;
  @Column({ type: 'timestamptz', name: 'last_at', precision: 3 }) lastAt!: Date;
  @Column('int') count!: number;
  @Column('text', { name: 'user_id', nullable: true }) userId!: string | null;
  @Column('uuid', { name: 'thread_id', nullable: true }) threadId!: string | null;
  @Column('uuid', { name: 'run_id', nullable: true }) runId!: string | null;
  @Column('text', { name: 'job_id', nullable: true }) jobId!: string | null;
  @Column('text', { name: 'trace_id', nullable: true }) traceId!: string | null;
  @Column('text', { nullable: true }) source!: string | null;
  @Column('int', { name: 'retry_after_ms', nullable: true }) retryAfterMs!: number | null;
  @Column('jsonb') details!: object;
  @Column('jsonb', { name: 'private_details' }) privateDetails!: object;
  @Column('text', { name: 'root_cause', nullable: true }) rootCause!: string | null;
  @Column('text', { nullable: true }) stack!: string | null;
  /** Status words of the components when it happened; null for a record from before this was kept. */
  @Column('jsonb', { nullable: true }) health!: object | null;
  @Column('boolean') notify!: boolean;
  @Column('text', { nullable: true }) locale!: string | null;
}
