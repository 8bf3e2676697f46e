import { Injectable } from '@nestjs/common';
import type { AcceptedHandshake, RunView } from '@clarion/protocol';
import { RunStore } from '../agents';
import type { Principal } from '../auth';
import { ComponentError } from '../errors';
import { MailboxStore, PositionsStore, type Reader, type Resumed } from '../mailbox';
import { Database, GroupCommit, isOutage, type Outcome } from '../persistence';

/** A device that connects, and how its user can be reached. */
interface Connecting extends Reader {
  readonly email: string | null;
  /** Null where the device asks for none. */
  readonly locale: string | null;
}

/** A place in the mailbox, the first page of what was missed, and the user's runs, as of one and the same moment. */
interface Beginning extends Resumed {
  readonly runs: RunView[];
}

/** When everybody comes back at once, so many share a few statements; some 8 MB where each has missed as much as a page may hold. */
const BATCH = 64;
/** The more of them gather, the fewer statements there are. */
const LANES = 1;
const GATHER_MS = 15;
const MAX_WAITING = 10_000;

/** Everything that is read of the database, and written to it, before a device is connected. */
@Injectable()
export class MailboxReader {
  private readonly group: GroupCommit<Connecting, Beginning>;

  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly positions: PositionsStore,
    private readonly runs: RunStore,
  ) {
    this.group = new GroupCommit<Connecting, Beginning>({
      writeAll: (connecting) => this.beginAll(connecting),
      isOutage,
      maxBatch: BATCH,
      lanes: LANES,
      gatherMs: GATHER_MS,
      maxWaiting: MAX_WAITING,
    });
  }

  /** @throws ComponentError DATABASE_CAPACITY when too many wait, MAILBOX_UNAVAILABLE, or of the database */
  read({ user_id, email }: Principal, { device_id, cursor, locale }: AcceptedHandshake): Promise<Beginning> {
    return this.group.submit({ user_id, device_id, cursor: cursor ?? null, email, locale: locale ?? null });
  }

  private async beginAll(connecting: readonly Connecting[]): Promise<Outcome<Beginning>[]> {
    const begun = await this.resumeAll(connecting);
    await Promise.all([this.openPositions(connecting, begun), this.rememberAll(connecting, begun)]);
    return begun.map((one) => (one ? { ok: true, value: one } : { ok: false, error: absent() }));
  }

  /** Who has no mailbox yet gets one. */
  private async resumeAll(readers: readonly Reader[]): Promise<(Beginning | null)[]> {
    const all = await this.look(readers);
    const without = readers.filter((_, at) => all[at] === null);
    if (without.length === 0) return all;
    await this.mailbox.open(...without.map(({ user_id }) => user_id));
    const opened = await this.look(without);
    return all.map((one) => one ?? opened.shift() ?? null);
  }

  /** Most users have no runs under way: then one statement, which sees one moment, says all. */
  private async look(readers: readonly Reader[]): Promise<(Beginning | null)[]> {
    const found = await this.positions.resume(this.database, readers, { idleOnly: true });
    const busy = readers.filter((_, at) => found[at]?.resume.busy);
    const again = busy.length > 0 ? await this.lookWithRuns(busy) : [];
    return found.map((one) => (one?.resume.busy ? (again.shift() ?? null) : one && { ...one, runs: [] }));
  }

  /** Mailboxes and runs as of the same moment: a snapshot of a run covers what the log says of it up to the head, and no more. */
  private lookWithRuns(readers: readonly Reader[]): Promise<(Beginning | null)[]> {
    return this.database.snapshot(async (sql) => {
      const found = await this.positions.resume(sql, readers);
      const runs = await this.runs.activeViews(
        sql,
        readers.map(({ user_id }) => user_id),
      );
      return found.map((one, at) => one && { ...one, runs: runs.get(readers[at]?.user_id ?? '') ?? [] });
    });
  }

  /** A new device has a position from now on. That of another is moved to its cursor once it is connected: until then the cursor comes again. */
  private openPositions(readers: readonly Reader[], begun: readonly (Beginning | null)[]): Promise<void> {
    return this.positions.advanceAll(
      readers.flatMap(({ user_id, device_id }, at) => {
        const resume = begun[at]?.resume;
        return resume?.position === 'absent' ? [{ user_id, device_id, position: resume.from_seq }] : [];
      }),
    );
  }

  private async rememberAll(devices: readonly Connecting[], begun: readonly (Beginning | null)[]): Promise<void> {
    const remembering = devices.map(async ({ user_id, email, locale }, at) => {
      const contact = begun[at]?.resume.contact;
      if (contact === undefined) return;
      const now = { email, locale: locale ?? contact.locale };
      if (now.email !== contact.email || now.locale !== contact.locale) await this.mailbox.remember(user_id, now);
    });
    await Promise.all(remembering);
  }
}

/** Erased between being opened and being read. */
function absent(): ComponentError {
  return ComponentError.webSocketBridge('MAILBOX_UNAVAILABLE');
}
