import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What an admin did, to a user's data or to Clarion. Kept when that data is gone; holds none of it. */
@Entity('audit_log')
export class AuditEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' }) at!: Date;
  /** The admin's user id. */
  @Column('text') actor!: string;
  @Column('text') action!: string;
  /** What it was done to: a user id, the name of a task, the id of an alert, a silence or a run, a support code, a filter. */
  @Column('text') subject!: string;
}
