import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../persistence';

interface Identity {
  readonly system_identifier: string;
  readonly timeline: number;
}

const PAGE = 2_000;

const RENEW = `
WITH page AS (
  SELECT user_id FROM mailboxes WHERE user_id COLLATE "C" > $1 ORDER BY user_id COLLATE "C" LIMIT $2 FOR UPDATE
), renewed AS (
  UPDATE mailboxes m SET epoch = replace(gen_random_uuid()::text, '-', '') FROM page WHERE m.user_id = page.user_id
)
SELECT max(user_id COLLATE "C") AS last FROM page`;

/** Knows whether the numbers of the mailboxes can still be trusted. */
@Injectable()
export class EpochsStore {
  constructor(private readonly database: Database) {}

  /**
   * Gives every mailbox a new epoch if this database is on another server than it was last seen on, or on another timeline: events may be
   * lost whose numbers clients know. Any number of processes may do it at once.
   * @returns whether it did
   */
  renewIfMoved(): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      const [now] = await tx.query<Identity>(
        'SELECT system_identifier::text, timeline_id AS timeline FROM pg_control_system(), pg_control_checkpoint()',
      );
      if (now === undefined) throw new Error('every server has an identity');
      const values = [now.system_identifier, now.timeline];
      await tx.query(
        'INSERT INTO database_identity (one, system_identifier, timeline) VALUES (1, $1, $2) ON CONFLICT DO NOTHING',
        values,
      );
      const [seen] = await tx.query<Identity>('SELECT system_identifier, timeline FROM database_identity FOR UPDATE');
      if (seen?.system_identifier === now.system_identifier && seen.timeline === now.timeline) return false;
      await tx.query('UPDATE database_identity SET system_identifier = $1, timeline = $2, seen_at = now()', values);
      await this.renewAll(tx);
      return true;
    });
  }

  private async renewAll(tx: Transaction): Promise<void> {
    for (let last: string | null = ''; last !== null;) {
      const [page]: { last: string | null }[] = await tx.query<{ last: string | null }>(RENEW, [last, PAGE]);
      last = page?.last ?? null;
    }
  }
}
