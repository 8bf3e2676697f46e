import { Injectable } from '@nestjs/common';
import { formatCursor, type RequestPayload, type RequestResult } from '@clarion/protocol';
import { validate as isUuid } from 'uuid';
import { ComponentError } from '../errors';
import { MailboxStore } from '../mailbox';
import { Database } from '../persistence';
import { RunStore } from './run.store';
import { ThreadStore, type ThreadPlace } from './thread.store';

const PAGE_SIZE = 50;

/** Reads a user's threads. */
@Injectable()
export class Threads {
  constructor(
    private readonly database: Database,
    private readonly threads: ThreadStore,
    private readonly runs: RunStore,
    private readonly mailbox: MailboxStore,
  ) {}

  /** `thread_list`: the thread that was used last comes first. @throws ComponentError PAYLOAD_INVALID */
  async list(userId: string, page: RequestPayload<'thread_list'>): Promise<RequestResult<'thread_list'>> {
    const { before, limit = PAGE_SIZE } = page;
    const after = before === undefined ? null : placeOf(before);
    const found = await this.threads.list(this.database, userId, after, limit + 1);
    const threads = found.slice(0, limit);
    const last = found.length > limit ? threads.at(-1) : undefined;
    return { threads, next: last === undefined ? null : `${last.updated_at}_${last.thread_id}` };
  }

  /**
   * `thread_history`: the newest messages of a thread, oldest of them first, with the runs that answer them, as of one moment.
   * @throws ComponentError THREAD_NOT_FOUND, PAYLOAD_INVALID
   */
  history(userId: string, page: RequestPayload<'thread_history'>): Promise<RequestResult<'thread_history'>> {
    const { thread_id, before, limit = PAGE_SIZE } = page;
    return this.database.snapshot(async (sql) => {
      if (!(await this.threads.exists(sql, userId, thread_id))) throw ComponentError.messageHandler('THREAD_NOT_FOUND');
      if (before !== undefined && !(isUuid(before) && (await this.threads.hasMessage(sql, thread_id, before)))) {
        throw beforeInvalid();
      }
      const found = await this.threads.messages(sql, thread_id, before ?? null, limit + 1);
      const messages = found.slice(0, limit).reverse();
      const questions = messages.filter(({ role }) => role === 'user').map(({ message_id }) => message_id);
      const runs = await this.runs.answeringViews(sql, questions);
      const { epoch, head } = await this.mailbox.state(sql, userId);
      const next = found.length > limit ? (messages[0]?.message_id ?? null) : null;
      return { messages, runs, as_of: formatCursor(epoch, head), next };
    });
  }
}

function placeOf(before: string): ThreadPlace {
  const [updated_at = '', id = ''] = before.split('_');
  const time = new Date(updated_at);
  // Only what was given out comes back: the same text.
  if (Number.isNaN(time.getTime()) || time.toISOString() !== updated_at || !isUuid(id)) throw beforeInvalid();
  return { updated_at, id };
}

function beforeInvalid(): ComponentError {
  return ComponentError.messageHandler('PAYLOAD_INVALID', {
    details: { issues: [{ path: 'before', code: 'unknown' }] },
  });
}
