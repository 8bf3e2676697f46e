import { Injectable } from '@nestjs/common';
import { FailureFeed, type FailureRecord } from '../errors';
import { type FailureCount, FAILURE_WINDOW_MS } from './rules';

const MOST = 1_000;

/** The serious failures of the last minutes in this process: what the rules have while the database does not answer. */
@Injectable()
export class RecentSeriousFailures {
  private failures: FailureCount[] = [];

  constructor(feed: FailureFeed) {
    feed.subscribe((record) => this.note(record));
  }

  since(now: number): FailureCount[] {
    this.failures = this.failures.filter(({ at }) => now - at < FAILURE_WINDOW_MS);
    return this.failures;
  }

  private note({ reason, component, severity, operation, support_code, occurred_at, count }: FailureRecord): void {
    if (severity !== 'critical' && severity !== 'error') return;
    const at = Date.parse(occurred_at);
    this.failures.push({ reason, component, severity, operation, support_code, at, count });
    if (this.failures.length > MOST) this.failures.shift();
  }
}
