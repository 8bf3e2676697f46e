import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { MailboxEntity } from './mailbox.entities';

const NOW = () => 'now()';

/** One stretch of time in which critical events waited for a user who was not there. Goes with the user's mailbox. */
@Entity('recoveries')
@Index('recoveries_under_way', ['userId'], { unique: true, where: `"ended_at" IS NULL` })
@Index('recoveries_due', ['nextAt'], { where: `"ended_at" IS NULL` })
@Index('recoveries_by_user', ['userId', 'startedAt'])
@Index('recoveries_by_end', ['endedAt', 'state'], { where: `"ended_at" IS NOT NULL` })
@Check('recoveries_state', `"state" IN ('waiting', 'recovered', 'expired', 'abandoned')`)
@Check('recoveries_ended', `("ended_at" IS NULL) = ("state" = 'waiting')`)
export class RecoveryEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { name: 'user_id' }) userId!: string;
  @ManyToOne(() => MailboxEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'recoveries_of_mailbox' })
  mailbox!: MailboxEntity;
  @Column('text', { default: 'waiting' }) state!: string;
  /** The first critical event that no device has received: its number, and its time. */
  @Column('bigint', { name: 'from_seq' }) fromSeq!: number;
  @Column({ type: 'timestamptz', name: 'since', precision: 3 }) since!: Date;
  /** Critical events that waited at the last look. */
  @Column('int') unread!: number;
  @Column('int', { default: 0 }) round!: number;
  /** How often a job was enqueued; part of the job id. */
  @Column('int', { default: 0 }) dispatch!: number;
  @Column({ type: 'timestamptz', name: 'next_at', precision: 3 }) nextAt!: Date;
  @Column({ type: 'timestamptz', name: 'started_at', precision: 3, default: NOW }) startedAt!: Date;
  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true }) endedAt!: Date | null;
}

/** One digest on its way out by one channel, and how it went. Its id is the id of the message. */
@Entity('fallback_deliveries')
@Index('fallback_deliveries_due', ['nextAt'], { where: `"ended_at" IS NULL` })
@Index('fallback_deliveries_by_recovery', ['recoveryId'])
@Index('fallback_deliveries_by_end', ['endedAt', 'state'], { where: `"ended_at" IS NOT NULL` })
@Check('fallback_deliveries_state', `"state" IN ('pending', 'sent', 'failed', 'dropped')`)
@Check('fallback_deliveries_ended', `("ended_at" IS NULL) = ("state" = 'pending')`)
@Check('fallback_deliveries_channel', `"channel" IN ('webhook', 'email')`)
export class FallbackDeliveryEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'recovery_id' }) recoveryId!: string;
  @ManyToOne(() => RecoveryEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'recovery_id', foreignKeyConstraintName: 'fallback_deliveries_of_recovery' })
  recovery!: RecoveryEntity;
  @Column('text') channel!: string;
  @Column('text', { default: 'pending' }) state!: string;
  /** The last event that the digest is about; the first is that of the recovery. */
  @Column('bigint', { name: 'to_seq' }) toSeq!: number;
  /** Tries before the next one. */
  @Column('int', { default: 0 }) round!: number;
  @Column('int', { default: 0 }) dispatch!: number;
  @Column({ type: 'timestamptz', name: 'next_at', precision: 3 }) nextAt!: Date;
  /** Of the last try that failed. */
  @Column('jsonb', { nullable: true }) problem!: object | null;
  @Column('text', { name: 'support_code', nullable: true }) supportCode!: string | null;
  @Column({ type: 'timestamptz', name: 'started_at', precision: 3, default: NOW }) startedAt!: Date;
  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true }) endedAt!: Date | null;
}
