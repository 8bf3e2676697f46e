import { Injectable } from '@nestjs/common';
import { MailboxStore } from '../mailbox';
import { NextAttempts } from './next-attempts.service';
import type { Run } from './run';
import { RunDatabase } from './run-database.service';
import { RunQuestions } from './run-questions.service';
import { RunWriter } from './run-writer';
import { RunWrites } from './run-writes.service';

/** Makes the writer of a leased run. */
@Injectable()
export class RunWriters {
  constructor(
    private readonly database: RunDatabase,
    private readonly mailbox: MailboxStore,
    private readonly writes: RunWrites,
    private readonly next: NextAttempts,
    private readonly questions: RunQuestions,
  ) {}

  of(run: Run): RunWriter {
    const { database, mailbox, writes, next, questions } = this;
    return new RunWriter(run, { database, mailbox, writes, next, questions });
  }
}
