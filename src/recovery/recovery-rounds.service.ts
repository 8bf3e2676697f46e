import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { MailboxStore } from '../mailbox';
import type { Transaction } from '../persistence';
import { backoff } from './backoff';
import { Fallback } from './fallback/fallback.service';
import { RecoveryMetrics } from './recovery-metrics';
import { RecoveryQueue, type RoundJob } from './recovery-queue';
import { type Recovery, type RecoveryEnd, RecoveryStore } from './recovery.store';

type Next = { readonly later: RoundJob; readonly user_id: string } | { readonly ended: RecoveryEnd; jobs: RoundJob[] };

/** Looks for a user who is not there: again and again, less and less often, until the user is back or the window is over. */
@Injectable()
export class RecoveryRounds {
  constructor(
    private readonly store: RecoveryStore,
    private readonly fallback: Fallback,
    private readonly queue: RecoveryQueue,
    private readonly metrics: RecoveryMetrics,
    private readonly mailbox: MailboxStore,
    private readonly config: AppConfig,
  ) {}

  /**
   * One round; nothing if it was done already, or the recovery has ended. What it decides is committed before anything is enqueued: a job that
   * is lost in between is made again by the sweep.
   */
  async look({ id, round }: { readonly id: string; readonly round: number }): Promise<void> {
    const next = await this.store.locked(id, round, (tx, recovery) => this.decide(tx, recovery));
    if (next === null) return;
    this.metrics.rounds.inc();
    if ('ended' in next) {
      this.metrics.ended.inc({ outcome: next.ended });
      if (next.jobs.length > 0) await this.queue.schedule('fallback-delivery', next.jobs);
      return;
    }
    await this.queue.schedule('message-recovery', [next.later]);
    // A socket that was told of nothing reads what it lacks.
    await this.mailbox.announce(next.user_id);
  }

  private async decide(tx: Transaction, recovery: Recovery): Promise<Next> {
    const { firstMs, maxDelayMs, windowMs } = this.config.recovery;
    const ended = endOf(recovery, windowMs);
    if (ended === null) {
      const delay = Math.min(backoff(firstMs, maxDelayMs, recovery.round), Math.ceil(windowMs - recovery.age_ms));
      return { later: await this.store.again(tx, recovery, delay), user_id: recovery.user_id };
    }
    await this.store.end(tx, recovery, ended);
    return { ended, jobs: ended === 'abandoned' ? await this.fallback.begin(tx, recovery) : [] };
  }
}

/** The user has returned, retention was faster, or the window is over. */
function endOf({ position, trimmed_to, from_seq, age_ms }: Recovery, windowMs: number): RecoveryEnd | null {
  if (position >= from_seq) return 'recovered';
  if (trimmed_to >= from_seq) return 'expired';
  return age_ms >= windowMs ? 'abandoned' : null;
}
