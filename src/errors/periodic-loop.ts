import { Logger } from '@nestjs/common';
import type { Component } from '@clarion/protocol';
import { untraced } from '../telemetry';
import type { Reason } from './catalogue';
import { classify } from './classify';
import type { FailureReporter } from './failure-reporter';

const REPORT_AGAIN_MS = 60_000;

interface PeriodicLoopOptions {
  /** The operation that failures are reported under: `run.reconcile`. */
  readonly name: string;
  /** From the end of one run to the start of the next. */
  readonly everyMs: number;
  /** The part of `everyMs` by which each wait is shortened or lengthened at random: 0 to 1; default 0.1. */
  readonly jitter?: number;
  readonly work: () => Promise<void> | void;
  readonly reporter: FailureReporter;
  /** Where errors belong that do not say so themselves; default Integration. */
  readonly component?: Component;
}

/**
 * Work in the background: again and again, never twice at a time. What it throws is reported at the first failure of a streak, when the
 * reason changes, and once a minute while it lasts; recovery is logged.
 */
export class PeriodicLoop {
  private readonly logger: Logger;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private started = false;
  private stopped = false;
  private streak: { reason: Reason; failures: number; reportedAt: number } | undefined;

  constructor(private readonly options: PeriodicLoopOptions) {
    this.logger = new Logger(options.name);
  }

  /** The first run is one interval away; `trigger()` makes it come at once. */
  start(): void {
    if (this.started) return;
    this.started = true;
    this.schedule();
  }

  /** Runs now, or directly after the run that is going on; resolves at the end of that run. Does nothing once stopped. */
  trigger(): Promise<void> {
    if (this.running === undefined) return this.run();
    this.next ??= this.running.then(() => {
      this.next = undefined;
      return this.run();
    });
    return this.next;
  }

  /** No run begins after this; resolves when the one that is going on has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private schedule(): void {
    if (!this.started || this.stopped) return;
    const { everyMs, jitter = 0.1 } = this.options;
    const wait = everyMs * (1 + jitter * (2 * Math.random() - 1));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.trigger(), wait);
  }

  private run(): Promise<void> {
    if (this.stopped) return Promise.resolve();
    clearTimeout(this.timer);
    // Whoever triggers it once is not who all later runs are for.
    this.running = untraced(() => this.attemptAndSchedule());
    return this.running;
  }

  private async attemptAndSchedule(): Promise<void> {
    await this.attempt();
    this.running = undefined;
    this.schedule();
  }

  /** Never rejects. */
  private async attempt(): Promise<void> {
    try {
      await this.options.work();
    } catch (error) {
      return this.reportFailure(error);
    }
    if (this.streak !== undefined) this.logger.log(`Works again after ${this.streak.failures} failures`);
    this.streak = undefined;
  }

  private async reportFailure(error: unknown): Promise<void> {
    const { name, reporter, component = 'Integration' } = this.options;
    const { reason } = classify(error, component);
    const same = this.streak?.reason === reason ? this.streak : undefined;
    const due = same === undefined || Date.now() - same.reportedAt >= REPORT_AGAIN_MS;
    this.streak = {
      reason,
      failures: (this.streak?.failures ?? 0) + 1,
      reportedAt: due ? Date.now() : same.reportedAt,
    };
    if (due) await reporter.report(error, { operation: name, component });
  }
}
