import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database } from './database';
import type { Transaction } from './sql';

/** What an admin can do that is kept on record. */
export const AUDITED_ACTIONS = [
  'user_erased',
  'task_run',
  'queue_changed',
  'digest_resent',
  'alert_acknowledged',
  'silence_added',
  'silence_ended',
  'error_read',
  'errors_listed',
  'run_read',
] as const;

/** What an admin did, and to what. */
export interface AuditEntry {
  readonly actor: string;
  readonly action: (typeof AUDITED_ACTIONS)[number];
  readonly subject: string;
}

/** Every field narrows. */
export interface AuditFilter {
  readonly actor?: string;
  readonly action?: AuditEntry['action'];
  readonly subject?: string;
  /** The id of the last entry of the page before. */
  readonly before?: string;
  readonly limit: number;
}

export interface AuditRecord extends AuditEntry {
  readonly id: string;
  readonly at: Date;
}

const LIST = `
SELECT id, at, actor, action, subject FROM audit_log
WHERE ($1::text IS NULL OR actor = $1) AND ($2::text IS NULL OR action = $2) AND ($3::text IS NULL OR subject = $3) AND ($4::uuid IS NULL OR id < $4)
ORDER BY id DESC LIMIT $5`;

/** The durable record of what admins do. */
@Injectable()
export class AuditStore {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  list({ actor, action, subject, before, limit }: AuditFilter): Promise<AuditRecord[]> {
    const narrowing = [actor, action, subject, before].map((value) => value ?? null);
    return this.database.query<AuditRecord>(LIST, [...narrowing, limit]);
  }

  /** In the transaction of what it tells of. */
  async add(tx: Transaction, { actor, action, subject }: AuditEntry): Promise<void> {
    const text = 'INSERT INTO audit_log (id, actor, action, subject) VALUES ($1, $2, $3, $4)';
    await tx.query(text, [uuidv7(), actor, action, subject]);
  }
}
