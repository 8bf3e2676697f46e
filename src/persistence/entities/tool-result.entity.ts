import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A tool's result that was too long to be given to a model at once. It goes with its thread. */
@Entity('tool_results')
@Index('tool_results_by_thread', ['threadId'])
export class ToolResultEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'thread_id' }) threadId!: string;
  @Column('uuid', { name: 'run_id' }) runId!: string;
  @Column('text') tool!: string;
  @Column('text') content!: string;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' }) createdAt!: Date;
}
