import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

const OPEN = `"status" <> 'resolved'`;

/** Something of which admins are told: at most one that is open for each rule and group. */
@Entity('alerts')
@Index('alerts_open', ['rule', 'group'], { unique: true, where: OPEN })
@Index('alerts_by_time', ['openedAt'])
export class AlertEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text') rule!: string;
  @Column('text', { name: 'group_key' }) group!: string;
  @Column('text') component!: string;
  @Column('text') severity!: string;
  @Column('text') status!: string;
  @Column('text') summary!: string;
  @Column('jsonb') details!: object;
  @Column({ type: 'timestamptz', name: 'opened_at', precision: 3 }) openedAt!: Date;
  @Column({ type: 'timestamptz', name: 'last_seen_at', precision: 3 }) lastSeenAt!: Date;
  /** When somebody was told last. */
  @Column({ type: 'timestamptz', name: 'notified_at', precision: 3, nullable: true }) notifiedAt!: Date | null;
  @Column({ type: 'timestamptz', name: 'resolved_at', precision: 3, nullable: true }) resolvedAt!: Date | null;
  @Column('text', { name: 'acknowledged_by', nullable: true }) acknowledgedBy!: string | null;
  /** Alerts of the same rule and group that ended shortly before. */
  @Column('int') flaps!: number;
  @Column('text', { name: 'muted_by', nullable: true }) mutedBy!: string | null;
}

/** One message about an alert on one channel: stored with what it tells of, before it is sent. */
@Entity('alert_deliveries')
@Index('alert_deliveries_of_alert', ['alertId'])
@Index('alert_deliveries_pending', ['createdAt'], { where: `"status" = 'pending'` })
@Check('alert_deliveries_status', `"status" IN ('pending', 'sent', 'failed', 'cancelled')`)
export class AlertDeliveryEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'alert_id' }) alertId!: string;
  @Column('text') action!: string;
  @Column('text') channel!: string;
  /** What later messages about the same alert have to be sent with. */
  @Column('text', { nullable: true }) target!: string | null;
  @Column('jsonb') notice!: object;
  @Column('text', { default: 'pending' }) status!: string;
  @Column('int', { default: 0 }) attempts!: number;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' }) createdAt!: Date;
  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true }) endedAt!: Date | null;
  /** The job that sends it, and until when at the latest. */
  @Column('text', { nullable: true }) holder!: string | null;
  @Column({ type: 'timestamptz', name: 'held_until', precision: 3, nullable: true }) heldUntil!: Date | null;
  @Column('text', { name: 'support_code', nullable: true }) supportCode!: string | null;
}

/** Nobody is told of what it covers, until it ends. */
@Entity('silences')
export class SilenceEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('text', { nullable: true }) rule!: string | null;
  @Column('text', { name: 'group_key', nullable: true }) group!: string | null;
  @Column('text') author!: string;
  @Column('text') comment!: string;
  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' }) createdAt!: Date;
  @Column({ type: 'timestamptz', name: 'ends_at', precision: 3 }) endsAt!: Date;
}
