import { Injectable } from '@nestjs/common';
import { allOf } from './all-of';
import { RunFailures } from './run-failures.service';
import { RunQuestions } from './run-questions.service';

/** The bound of every wait: for a worker, and for the user. */
@Injectable()
export class WaitBounds {
  constructor(
    private readonly failures: RunFailures,
    private readonly questions: RunQuestions,
  ) {}

  /** Ends or tells of what has waited too long, at most `limit` of each kind. A kind that fails stops no other. */
  enforce(limit: number): Promise<void> {
    return allOf([
      () => this.failures.failExhausted(limit),
      () => this.failures.failExpired(limit),
      () => this.failures.tellDelayed(limit),
      () => this.questions.expireDue(limit),
    ]);
  }
}
