import { Injectable } from '@nestjs/common';
import { RunEnding, RunQuestions, RunRetry, RunStore } from '../agents';
import { ComponentError } from '../errors';
import type { RequestHandlers } from './session';

/** What a client may ask about its runs. */
@Injectable()
export class RunRequests {
  readonly handlers: RequestHandlers;

  constructor(ending: RunEnding, retry: RunRetry, runs: RunStore, questions: RunQuestions) {
    this.handlers = {
      run_cancel: ({ principal }, { run_id }) => ending.cancel(principal.user_id, run_id),
      run_retry: ({ principal }, { run_id }) => retry.retry(principal.user_id, run_id),
      input_submit: ({ principal }, submission) => questions.submit(principal.user_id, submission),
      run_get: async ({ principal }, { run_id }) => {
        const run = await runs.view(principal.user_id, run_id);
        if (run === null) throw ComponentError.messageHandler('RUN_NOT_FOUND');
        return { run };
      },
    };
  }
}
