import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Tokens that do not count any more although they have not ended; kept until they would have. */
@Entity('revocations')
@Check('revocations_kind', `"kind" IN ('token', 'jti', 'subject')`)
export class RevocationEntity {
  @PrimaryColumn('text') kind!: string;
  /** The token's SHA-256, its `jti`, or a user id. */
  @PrimaryColumn('text') value!: string;
  /** Of a user: tokens issued until then. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true }) before!: Date | null;
  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 }) expiresAt!: Date;
  /** By the clock of the database. */
  @Index('revocations_changed_at')
  @Column({ type: 'timestamptz', name: 'changed_at', precision: 3, default: () => 'now()' })
  changedAt!: Date;
}
