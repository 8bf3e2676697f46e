import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

const OPEN = { where: `"outcome" IS NULL` };

/** A question that a run has asked its user; `outcome` is null while it is open. It goes with its run. */
@Entity('run_inputs')
@Index('run_inputs_by_run', ['runId'])
@Index('run_inputs_open', ['runId'], { unique: true, ...OPEN })
@Index('run_inputs_due', ['expiresAt'], OPEN)
@Check('run_inputs_outcome', `"outcome" IN ('submitted', 'expired', 'cancelled')`)
export class RunInputEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'run_id' }) runId!: string;
  /** The step of the run's agent that gives the answer. */
  @Column('text') key!: string;
  /** Length of the answer when it was asked, in UTF-16 code units. */
  @Column('int', { name: 'text_length' }) textLength!: number;
  @Column('text') prompt!: string;
  /** JSON Schema of the value that is asked for. */
  @Column('jsonb') schema!: object;
  @Column('text', { nullable: true }) outcome!: string | null;
  /** What was submitted, as JSON text: a submission that is repeated is recognised by it. */
  @Column('text', { nullable: true }) value!: string | null;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' }) createdAt!: Date;
  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 }) expiresAt!: Date;
  @Column({ type: 'timestamptz', name: 'resolved_at', precision: 3, nullable: true }) resolvedAt!: Date | null;
}
