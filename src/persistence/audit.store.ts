import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from './sql';

/** What an admin did, and to whom. */
export interface AuditEntry {
  readonly actor: string;
  readonly action:
    | 'user_erased'
    | 'task_run'
    | 'alert_acknowledged'
    | 'silence_added'
    | 'silence_ended'
    | 'error_read'
    | 'errors_listed'
    | 'run_read';
  readonly subject: string;
}

/** The durable record of what admins do to users' data. */
@Injectable()
export class AuditStore {
  /** In the transaction of what it tells of. */
  async add(tx: Transaction, { actor, action, subject }: AuditEntry): Promise<void> {
    const text = 'INSERT INTO audit_log (id, actor, action, subject) VALUES ($1, $2, $3, $4)';
    await tx.query(text, [uuidv7(), actor, action, subject]);
  }
}
