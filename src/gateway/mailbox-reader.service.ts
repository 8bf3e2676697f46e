import { Injectable } from '@nestjs/common';
import type { AcceptedHandshake, RunView } from '@clarion/protocol';
import { RunStore } from '../agents';
import { MailboxStore, PositionsStore, type ResumePoint } from '../mailbox';
import { Database } from '../persistence';

/** What a connecting device resumes from: its place in the mailbox and the user's runs, as of one and the same moment. */
@Injectable()
export class MailboxReader {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly positions: PositionsStore,
    private readonly runs: RunStore,
  ) {}

  async read(
    userId: string,
    { device_id, cursor }: AcceptedHandshake,
  ): Promise<{ resume: ResumePoint; runs: RunView[] }> {
    await this.mailbox.open(userId);
    const found = await this.database.snapshot(async (sql) => ({
      resume: await this.positions.resume(sql, userId, device_id, cursor ?? null),
      runs: await this.runs.activeViews(sql, userId),
    }));
    const { resume } = found;
    // A cursor counts as an acknowledgement; a device that is new gets its position.
    if (resume.resume === 'cursor' || resume.resume === 'new')
      await this.positions.advance(userId, device_id, resume.from_seq);
    return found;
  }
}
