import { Injectable } from '@nestjs/common';
import type { Transaction } from '../persistence';
import type { Run } from './run';

/** What of the answer goes from one attempt to the next. */
@Injectable()
export class AttemptText {
  /** Keeps for the attempt that `run` has just begun what it can continue from, and drops the rest. @returns `keep_index` */
  async carryOver(tx: Transaction, run: Run): Promise<number> {
    await tx.query('DELETE FROM run_text WHERE run_id = $1 AND attempt < $2', [run.id, run.attempt]);
    return 0;
  }
}
