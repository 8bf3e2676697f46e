import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What is known of a background task that one process at a time runs. */
@Entity('background_tasks')
export class BackgroundTaskEntity {
  @PrimaryColumn('text') name!: string;
  @Column('int', { name: 'every_ms' }) everyMs!: number;
  @Column({ type: 'timestamptz', name: 'next_due_at', precision: 3 }) nextDueAt!: Date;
  @Column({ type: 'timestamptz', name: 'last_started_at', precision: 3, nullable: true }) lastStartedAt!: Date | null;
  @Column({ type: 'timestamptz', name: 'last_success_at', precision: 3, nullable: true }) lastSuccessAt!: Date | null;
  @Column({ type: 'timestamptz', name: 'last_failed_at', precision: 3, nullable: true }) lastFailedAt!: Date | null;
  /** Attempts since the last success. */
  @Column('int', { name: 'consecutive_failures', default: 0 }) consecutiveFailures!: number;
  /** Since when the attempts of a run are used up. */
  @Column({ type: 'timestamptz', name: 'failing_since', precision: 3, nullable: true }) failingSince!: Date | null;
  @Column('text', { name: 'support_code', nullable: true }) supportCode!: string | null;
  /** The job that has the task, through its retries, and until when at the latest. */
  @Column('text', { nullable: true }) holder!: string | null;
  @Column({ type: 'timestamptz', name: 'held_until', precision: 3, nullable: true }) heldUntil!: Date | null;
  @Column({ type: 'timestamptz', name: 'rescheduled_at', precision: 3, nullable: true }) rescheduledAt!: Date | null;
}
