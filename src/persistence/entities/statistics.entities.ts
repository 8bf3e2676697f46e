import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How one component was at one moment, as one process saw it. */
@Entity('health_samples')
@Index('health_samples_by_time', ['at'])
export class HealthSampleEntity {
  @PrimaryColumn('text') component!: string;
  /** `<host>:<pid>`. */
  @PrimaryColumn('text') process!: string;
  @PrimaryColumn({ type: 'timestamptz', precision: 3 }) at!: Date;
  @Column('text') status!: string;
  @Column('int', { name: 'latency_ms', nullable: true }) latencyMs!: number | null;
  /** The numbers among the details of the component's report. */
  @Column('jsonb') figures!: object;
}

/** Failures of one hour (UTC), added up: what is left of records that are retained no longer. */
@Entity('failure_statistics')
export class FailureStatisticEntity {
  @PrimaryColumn({ type: 'timestamptz', precision: 0 }) hour!: Date;
  @PrimaryColumn('text') reason!: string;
  @PrimaryColumn('text') component!: string;
  @Column('int') count!: number;
}
