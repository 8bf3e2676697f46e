import { Injectable } from '@nestjs/common';
import { bulkhead } from 'cockatiel';
import { AppConfig } from '../config';
import { Database, type Sql, type Transaction } from '../persistence';

/** This part of the connections is for runs. */
const SHARE = 1 / 2;

/**
 * The database for what runs do one by one: where a thousand do it at the same time they wait for each other, and leave connections to those who
 * ask for something. Nothing within a transaction may ask for another.
 */
@Injectable()
export class RunDatabase implements Sql {
  private readonly turns;

  constructor(
    private readonly database: Database,
    config: AppConfig,
  ) {
    this.turns = bulkhead(Math.ceil(config.persistence.poolSize * SHARE), Number.POSITIVE_INFINITY);
  }

  query<Row>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.turns.execute(() => this.database.query<Row>(text, values));
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.turns.execute(() => this.database.transaction(work));
  }
}
