import { Injectable } from '@nestjs/common';
import { Database } from '../../persistence';
import type { Revocation } from './revocation';

/** A repetition, and what comes out of order, never takes anything back. */
const ADD = `
INSERT INTO revocations (kind, value, before, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, value) DO UPDATE SET
  before = greatest(revocations.before, excluded.before),
  expires_at = greatest(revocations.expires_at, excluded.expires_at),
  changed_at = now()`;

/** What became visible late, because its transaction took long, is within the overlap. */
const CHANGED = `
SELECT kind, value, before, expires_at, changed_at FROM revocations
WHERE changed_at > $1::timestamptz - interval '1 minute' AND expires_at > now() ORDER BY changed_at`;

export type StoredRevocation = Revocation & { readonly changed_at: Date };

/** The durable list of what was revoked. */
@Injectable()
export class RevocationStore {
  constructor(private readonly database: Database) {}

  async add({ kind, value, before, expires_at }: Revocation): Promise<void> {
    await this.database.query(ADD, [kind, value, before, expires_at]);
  }

  /** What was added or changed since, a little of what was before included, in the order of the database's clock. */
  changedSince(moment: Date): Promise<StoredRevocation[]> {
    return this.database.query(CHANGED, [moment]);
  }

  /** Removes what concerns no token any more. */
  async prune(): Promise<void> {
    await this.database.query('DELETE FROM revocations WHERE expires_at < now()');
  }
}
