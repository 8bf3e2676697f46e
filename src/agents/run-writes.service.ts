import type { Usage } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, GroupCommit, isOutage, type Outcome, prepared, type Transaction } from '../persistence';
import { RunStop } from './active-runs';
import { type Ending, hasEnded, type Run, type RunOutcome, usageJson } from './run';
import { RunEnding } from './run-ending.service';
import { RunSteps, type StepNote } from './run-steps.store';

/** What is written together with events. */
export interface Beside {
  readonly step?: StepNote;
  /** Of the run so far; absent or null: as it was. */
  readonly usage?: Usage | null;
}

/** Events of a running attempt; its first write is number 1. */
interface RunWrite extends Beside {
  readonly run: Run;
  readonly number: number;
  readonly events: readonly NewEvent[];
}

/** Where a run is, for those who want to know whether they have left it there. */
export type Position = Pick<Run, 'id' | 'status' | 'fence' | 'attempt' | 'final_content'>;

const LANES = 2;
const BATCH = 64;

/** Those of a process are no more than the runs that it may advance. */
const MAX_WAITING = Number.POSITIVE_INFINITY;

/** Takes the numbers of writes (`$3`) of runs (`$1`) under their fencing tokens (`$2`). A run whose lease is lost is left out. */
const CLAIM = prepared(`
WITH held AS (
  SELECT r.id, r.writes AS before, w.number, w.used
  FROM runs r JOIN unnest($1::uuid[], $2::int[], $3::int[], $4::jsonb[]) AS w (id, fence, number, used) USING (id, fence)
  WHERE r.status = 'running' ORDER BY r.id FOR UPDATE OF r)
UPDATE runs SET writes = greatest(writes, held.number), usage = coalesce(held.used, usage) FROM held WHERE runs.id = held.id
RETURNING runs.id, held.before < held.number AS fresh`);

const POSITIONS = prepared(
  'SELECT id, status, fence, attempt, final_content FROM runs WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE',
);

/**
 * What attempts write, in transactions that they share: each has its own outcome, and who has lost the lease loses its events and steps alone.
 * An outcome tells whether it was written now; if not, an earlier try, whose outcome was unknown, has committed after all.
 */
@Injectable()
export class RunWrites {
  private readonly appends: GroupCommit<RunWrite, boolean>;
  private readonly ends: GroupCommit<Ending, boolean>;

  constructor(
    database: Database,
    private readonly mailbox: MailboxStore,
    private readonly steps: RunSteps,
    private readonly ending: RunEnding,
  ) {
    const shared = { isOutage, maxBatch: BATCH, lanes: LANES, maxWaiting: MAX_WAITING };
    this.appends = new GroupCommit({
      ...shared,
      writeAll: (writes) => database.transaction((tx) => this.appendAll(tx, writes)),
    });
    this.ends = new GroupCommit({
      ...shared,
      writeAll: (ends) => database.transaction((tx) => this.endAll(tx, ends)),
    });
  }

  /** @throws RunStop when the lease is lost */
  append(write: RunWrite): Promise<boolean> {
    return this.appends.submit(write);
  }

  /** @throws RunStop when the lease is lost */
  end(end: Ending): Promise<boolean> {
    return this.ends.submit(end);
  }

  /** Runs are locked before mailboxes, each by id. */
  private async appendAll(tx: Transaction, writes: readonly RunWrite[]): Promise<Outcome<boolean>[]> {
    const claimed = await tx.query<{ id: string; fresh: boolean }>(CLAIM, [
      writes.map(({ run }) => run.id),
      writes.map(({ run }) => run.fence),
      writes.map(({ number }) => number),
      writes.map(({ usage }) => usageJson(usage)),
    ]);
    const held = new Map(claimed.map(({ id, fresh }) => [id, fresh]));
    const fresh = writes.filter(({ run }) => held.get(run.id) === true);
    const notes = fresh.flatMap(({ run, step }) => (step ? [{ run, ...step }] : []));
    await this.steps.record(tx, notes);
    await this.mailbox.appendAndCommit(
      tx,
      fresh.map(({ run, events }) => ({ user_id: run.user_id, events })),
    );
    return writes.map(({ run }) => outcomeOf(held.get(run.id)));
  }

  private async endAll(tx: Transaction, ends: readonly Ending[]): Promise<Outcome<boolean>[]> {
    const ids = ends.map(({ run }) => run.id);
    const rows = new Map((await lockPositions(tx, ids)).map((row) => [row.id, row]));
    const found = ends.map(({ run, outcome }) => mayLeave(run, rows.get(run.id), isEndOf(outcome)));
    const fresh = ends.filter((_, at) => found[at] === true);
    const events = await this.ending.endAll(tx, fresh);
    await this.mailbox.appendAndCommit(
      tx,
      fresh.map(({ run }, at) => ({ user_id: run.user_id, events: events[at] ?? [] })),
    );
    return found.map(outcomeOf);
  }
}

/** The runs under row locks; the first statement of its transaction. */
export function lockPositions(tx: Transaction, ids: readonly string[]): Promise<Position[]> {
  return tx.read<Position>(POSITIONS, [ids]);
}

/** Whether an attempt may leave its run; false when an earlier try has left it as it should be (`isDone`), undefined when the lease is lost. */
export function mayLeave(run: Run, row: Position | undefined, isDone: (row: Position) => boolean): boolean | undefined {
  if (row?.fence !== run.fence) return undefined;
  if (isDone(row)) return false;
  return row.status === 'running' ? true : undefined;
}

function isEndOf({ status, content }: RunOutcome): (row: Position) => boolean {
  return (row) => hasEnded(row) && row.status === status && row.final_content === content;
}

function outcomeOf(written: boolean | undefined): Outcome<boolean> {
  return written === undefined ? { ok: false, error: new RunStop('lease_lost') } : { ok: true, value: written };
}
