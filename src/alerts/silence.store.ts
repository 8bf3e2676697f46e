import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database, type Transaction } from '../persistence';

/** What is to be silent, by whom, why and until when. Null covers every rule, every group. */
export interface NewSilence {
  readonly rule: string | null;
  readonly group: string | null;
  readonly comment: string;
  readonly minutes: number;
}

export interface SilenceView {
  readonly id: string;
  readonly rule: string | null;
  readonly group: string | null;
  readonly author: string;
  readonly comment: string;
  readonly created_at: Date;
  readonly ends_at: Date;
}

const COLUMNS = 'id, rule, group_key AS "group", author, comment, created_at, ends_at';

/** Silences. One that has ended is kept: it says why nobody was told. */
@Injectable()
export class SilenceStore {
  constructor(private readonly database: Database) {}

  /** Those that have not ended. */
  list(): Promise<SilenceView[]> {
    return this.database.query<SilenceView>(`SELECT ${COLUMNS} FROM silences WHERE ends_at > now() ORDER BY ends_at`);
  }

  async add(tx: Transaction, author: string, { rule, group, comment, minutes }: NewSilence): Promise<SilenceView> {
    const [silence] = await tx.query<SilenceView>(
      `INSERT INTO silences (id, rule, group_key, author, comment, ends_at)
       VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 minute') RETURNING ${COLUMNS}`,
      [uuidv7(), rule, group, author, comment, minutes],
    );
    return silence!;
  }

  /** @returns whether there was one to end */
  async end(tx: Transaction, id: string): Promise<boolean> {
    const rows = await tx.query('UPDATE silences SET ends_at = now() WHERE id = $1 AND ends_at > now() RETURNING id', [
      id,
    ]);
    return rows.length > 0;
  }
}
