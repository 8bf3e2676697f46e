import { Injectable } from '@nestjs/common';
import { Database } from '../../persistence';
import { runRecord } from './assemble-run';
import type { RunRecord, RunRow, RunRows } from './run-record';

const MAX_EVENTS = 1_000;
const MAX_ROWS = 200;

const RUN = `
SELECT r.id, r.user_id, r.thread_id, r.message_id, r.agent, r.status, r.attempt, r.max_attempts, r.dispatch, r.dispatched_at, r.retry_of,
  (SELECT n.id FROM runs n WHERE n.retry_of = r.id) AS retried_by, r.failures, r.leases, r.error, r.usage, r.created_at, r.started_at, r.finished_at
FROM runs r WHERE r.id = $1`;

const STEPS = `
SELECT key, attempt, state, started_at, finished_at FROM run_steps WHERE run_id = $1 ORDER BY started_at, key LIMIT ${MAX_ROWS}`;

const ERRORS = `
SELECT support_code, reason, severity, operation, occurred_at FROM error_records WHERE run_id = $1 ORDER BY occurred_at LIMIT ${MAX_ROWS}`;

const EVENTS = `
SELECT seq, type, attempt, path, created_at, data FROM mailbox_events
WHERE thread_id = $2 AND user_id = $3 AND run_id = $1
ORDER BY seq LIMIT ${MAX_EVENTS}`;

/** Reads all that is kept of a run. */
@Injectable()
export class RunRecordStore {
  constructor(private readonly database: Database) {}

  /** Null for a run that does not exist, or was deleted with its thread. @throws ComponentError DATABASE_* */
  async find(runId: string): Promise<RunRecord | null> {
    const [run] = await this.database.query<RunRow>(RUN, [runId]);
    if (run === undefined) return null;
    const { user_id, thread_id } = run;
    const [steps, errors, events] = await Promise.all([
      this.database.query<RunRows['steps'][number]>(STEPS, [runId]),
      this.database.query<RunRows['errors'][number]>(ERRORS, [runId]),
      this.database.query<RunRows['events'][number]>(EVENTS, [runId, thread_id, user_id]),
    ]);
    return runRecord({ run, steps, errors, events, maxEvents: MAX_EVENTS });
  }
}
