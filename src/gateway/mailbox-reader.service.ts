import { Injectable } from '@nestjs/common';
import type { AcceptedHandshake, RunView } from '@clarion/protocol';
import { RunStore } from '../agents';
import type { Principal } from '../auth';
import { ComponentError } from '../errors';
import { MailboxStore, PositionsStore, type Reader, type ResumePoint } from '../mailbox';
import { Database, GroupCommit, isOutage, type Outcome } from '../persistence';

/** What a connecting device resumes from. */
interface Resumed {
  readonly resume: ResumePoint;
  readonly runs: RunView[];
}

/** When everybody comes back at once, so many share a few statements. */
const BATCH = 64;
const LANES = 2;
const MAX_WAITING = 10_000;

/** What a connecting device resumes from: its place in the mailbox and the user's runs, as of one and the same moment. */
@Injectable()
export class MailboxReader {
  private readonly group: GroupCommit<Reader, Resumed>;

  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly positions: PositionsStore,
    private readonly runs: RunStore,
  ) {
    this.group = new GroupCommit<Reader, Resumed>({
      writeAll: async (readers) => (await this.resumeAll(readers)).map(outcomeOf),
      isOutage,
      maxBatch: BATCH,
      lanes: LANES,
      maxWaiting: MAX_WAITING,
    });
  }

  /** @throws ComponentError DATABASE_CAPACITY when too many wait, MAILBOX_UNAVAILABLE, or of the database */
  async read(
    { user_id: userId, email }: Principal,
    { device_id, cursor, locale }: AcceptedHandshake,
  ): Promise<Resumed> {
    const resumed = await this.group.submit({ user_id: userId, device_id, cursor: cursor ?? null });
    const { advances, from_seq, contact } = resumed.resume;
    const now = { email, locale: locale ?? contact.locale };
    if (now.email !== contact.email || now.locale !== contact.locale) await this.mailbox.remember(userId, now);
    if (advances) await this.positions.advance(userId, device_id, from_seq);
    return resumed;
  }

  /** Who has no mailbox yet gets one. */
  private async resumeAll(readers: readonly Reader[]): Promise<(Resumed | null)[]> {
    const all = await this.look(readers);
    const without = readers.filter((_, at) => all[at] === null);
    if (without.length === 0) return all;
    await this.mailbox.open(...without.map(({ user_id }) => user_id));
    const opened = await this.look(without);
    return all.map((one) => one ?? opened.shift() ?? null);
  }

  private look(readers: readonly Reader[]): Promise<(Resumed | null)[]> {
    return this.database.snapshot(async (sql) => {
      const points = await this.positions.resume(sql, readers);
      const runs = await this.runs.activeViews(
        sql,
        readers.map(({ user_id }) => user_id),
      );
      return points.map((resume, at) => resume && { resume, runs: runs.get(readers[at]?.user_id ?? '') ?? [] });
    });
  }
}

function outcomeOf(resumed: Resumed | null): Outcome<Resumed> {
  return resumed ? { ok: true, value: resumed } : { ok: false, error: absent() };
}

/** Erased between being opened and being read. */
function absent(): ComponentError {
  return ComponentError.webSocketBridge('MAILBOX_UNAVAILABLE');
}
