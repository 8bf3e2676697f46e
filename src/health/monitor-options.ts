import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { FailureReporter } from '../errors';
import { DrainState } from './drain-state';
import { LoopLateness } from './loop-lateness';

/** How the components of this process are watched. */
@Injectable()
export class MonitorOptions {
  readonly refreshMs: number;
  readonly timeoutMs: number;

  constructor(
    config: AppConfig,
    readonly reporter: FailureReporter,
    private readonly drain: DrainState,
    readonly lateness: LoopLateness,
  ) {
    this.refreshMs = config.health.refreshMs;
    this.timeoutMs = config.health.timeoutMs;
  }

  /** False: what is found is shown but not reported, as while this process goes down. */
  reporting(): boolean {
    return !this.drain.draining;
  }
}
