import { Injectable } from '@nestjs/common';
import { MailboxStore } from '../mailbox';
import { Database } from '../persistence';
import { NextAttempts } from './next-attempts.service';
import type { Run } from './run';
import { RunEnding } from './run-ending.service';
import { RunQuestions } from './run-questions.service';
import { RunSteps } from './run-steps.store';
import { RunWriter } from './run-writer';

/** Makes the writer of a leased run. */
@Injectable()
export class RunWriters {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly ending: RunEnding,
    private readonly next: NextAttempts,
    private readonly steps: RunSteps,
    private readonly questions: RunQuestions,
  ) {}

  of(run: Run): RunWriter {
    const { database, mailbox, ending, next, steps, questions } = this;
    return new RunWriter(run, { database, mailbox, ending, next, steps, questions });
  }
}
