import { Injectable } from '@nestjs/common';
import { classify, ComponentError } from '../errors';
import { Database, GroupCommit, isOutage, outcomeUnknown } from '../persistence';
import { currentTraceparent } from '../telemetry';
import type { Accepted, ChatMessage, Sent } from './accepting';
import { MessageBatch } from './message-batch.service';

const BATCH = 64;
/** Where many come at once the next batch is prepared while the last one waits for the disk. */
const LANES = 2;
const MAX_WAITING = 2_000;

/** Accepts users' messages: message, run and events commit together, before anybody is told. */
@Injectable()
export class MessageIntake {
  private readonly group: GroupCommit<Sent, Accepted>;

  constructor(
    private readonly database: Database,
    private readonly batch: MessageBatch,
  ) {
    this.group = new GroupCommit<Sent, Accepted>({
      writeAll: (sent) => this.database.transaction((tx) => this.batch.accept(tx, sent)),
      writeOne: (sent) => this.acceptAlone(sent),
      isOutage,
      maxBatch: BATCH,
      lanes: LANES,
      patient: true,
      maxWaiting: MAX_WAITING,
    });
  }

  /**
   * Idempotent by `client_message_id`: the same answer every time, with `duplicate: true`.
   * @throws ComponentError MESSAGE_ID_REUSED, THREAD_NOT_FOUND, RUN_CONFLICT, QUEUED_RUNS_LIMIT, AGENT_UNKNOWN, or of the database:
   * DATABASE_TIMEOUT where the message may have been accepted, others where it was not
   */
  async accept(userId: string, message: ChatMessage): Promise<Accepted> {
    // What still fits in would be accepted, and nothing of its run written.
    if (this.database.full) throw ComponentError.database('DATABASE_DISK_FULL');
    const sent = { user_id: userId, message, traceparent: currentTraceparent() };
    // What it interrupts is locked and ended run by run: neighbours need not wait for that.
    const accepting = message.overlap === 'interrupt' ? this.acceptAlone(sent) : this.group.submit(sent);
    const [end] = await Promise.allSettled([accepting]);
    if (end.status === 'fulfilled') return end.value;
    throw outcomeUnknown(end.reason) ? ComponentError.database('DATABASE_TIMEOUT', { cause: end.reason }) : end.reason;
  }

  /** Once more after a conflict: whoever won has committed by then, and the second look finds the message. */
  private async acceptAlone(sent: Sent): Promise<Accepted> {
    const [first] = await Promise.allSettled([this.write(sent)]);
    if (first.status === 'fulfilled') return first.value;
    const { reason } = classify(first.reason, 'Database');
    if (reason !== 'DATABASE_CONSTRAINT' && reason !== 'DATABASE_CONFLICT') throw first.reason;
    return this.write(sent);
  }

  private async write(sent: Sent): Promise<Accepted> {
    const [outcome] = await this.database.transaction((tx) => this.batch.accept(tx, [sent]));
    if (outcome?.ok === true) return outcome.value;
    throw outcome?.error;
  }
}
