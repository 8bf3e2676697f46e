import { setTimeout as delay } from 'node:timers/promises';
import type { DurableEvent } from '@clarion/protocol';
import { rowsOf } from '../support/database';
import { tokenOf } from './deployment';
import type { Random } from './random';
import type { Truncation } from './view';
import type { Tally } from './witness';

const LIMIT_MS = 5_000;
const TASK = 'mailbox.retention';

/** The ledger sees by itself what retention removes: in the same transaction, with the wall clock of then. */
const ARCHIVE = `
CREATE SCHEMA ledger;
CREATE TABLE ledger.trimmed AS SELECT *, now() AS trimmed_at FROM mailbox_events WITH NO DATA;
CREATE FUNCTION ledger.keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN INSERT INTO ledger.trimmed SELECT *, clock_timestamp() FROM gone; RETURN NULL; END $$;
CREATE TRIGGER ledger_keeps AFTER DELETE ON mailbox_events REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.keep();`;

const TRIMMED = `
SELECT t.user_id, t.seq::int, t.type, t.thread_id, t.run_id, t.attempt, t.path, t.critical, t.data, t.created_at, t.trimmed_at, m.epoch
FROM ledger.trimmed t JOIN mailboxes m USING (user_id) ORDER BY t.user_id, t.seq`;

/** An event that retention has removed, as it was then. */
export interface TrimmedEvent {
  readonly event: DurableEvent;
  /** Wall clock milliseconds. */
  readonly at: number;
}

type TrimmedRow = Omit<DurableEvent, 'id' | 'timestamp' | 'recovered'> & { created_at: Date; trimmed_at: Date };

/** From now on what retention removes is kept beside the mailboxes. */
export async function archiveTrimmed(url: string): Promise<void> {
  await rowsOf(url, ARCHIVE);
}

/** By user, in the order of `seq`. */
export async function trimmedEvents(url: string): Promise<ReadonlyMap<string, readonly TrimmedEvent[]>> {
  const rows = await rowsOf<TrimmedRow>(url, TRIMMED);
  const trimmed = rows.map(({ created_at, trimmed_at, ...row }) => ({
    event: {
      ...{ ...row, id: `${row.epoch}:${row.seq}`, timestamp: created_at.toISOString(), recovered: false },
    } as DurableEvent,
    at: trimmed_at.getTime(),
  }));
  return Map.groupBy(trimmed, ({ event }) => event.user_id);
}

/** Wakes the task at seeded moments, whatever state the deployment is in. */
export async function trimUntil(stop: AbortSignal, url: string, random: Random, tally: Tally): Promise<void> {
  const headers = { authorization: `Bearer ${await tokenOf('root', { scope: 'admin' })}` };
  while (!stop.aborted) {
    await Promise.allSettled([delay(random.int(1_000, 4_000), undefined, { signal: stop })]);
    const signal = AbortSignal.timeout(LIMIT_MS);
    const [asked] = await Promise.allSettled([
      fetch(`${url}/admin/api/tasks/${TASK}/run`, { method: 'POST', headers, signal }),
    ]);
    const status = asked.status === 'fulfilled' ? asked.value.status : 'without an answer';
    tally.add(`retention asked for: ${status}`);
  }
}

/** Nobody is told that events are gone before they are. `trimmed`: `seq` -> when it was removed. */
export function falselyTold(told: readonly Truncation[], trimmed: ReadonlyMap<number, number>): string[] {
  return told.flatMap(({ from, to, at }) => {
    const range = Array.from({ length: to - from + 1 }, (_, index) => from + index);
    const there = range.find((seq) => (trimmed.get(seq) ?? Infinity) > at);
    return there === undefined ? [] : [`was told that ${from} to ${to} are gone, and ${there} was there`];
  });
}
