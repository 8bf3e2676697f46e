import { Injectable } from '@nestjs/common';
import { ThreadDeletion, Threads } from '../agents';
import type { RequestHandlers } from './session';

/** What a client may ask about its threads. */
@Injectable()
export class ThreadRequests {
  readonly handlers: RequestHandlers;

  constructor(threads: Threads, deletion: ThreadDeletion) {
    this.handlers = {
      thread_list: ({ principal }, page) => threads.list(principal.user_id, page),
      thread_history: ({ principal }, page) => threads.history(principal.user_id, page),
      thread_delete: ({ principal }, { thread_id }) => deletion.delete(principal.user_id, thread_id),
    };
  }
}
