import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The server on which this database was last seen, in one row: another one means that it was restored, or failed over. */
@Entity('database_identity')
@Check('database_identity_once', `"one" = 1`)
export class DatabaseIdentityEntity {
  @PrimaryColumn('smallint') one!: number;
  @Column('text', { name: 'system_identifier' }) systemIdentifier!: string;
  @Column('int') timeline!: number;
  @Column({ type: 'timestamptz', name: 'seen_at', precision: 3, default: () => 'now()' }) seenAt!: Date;
}
