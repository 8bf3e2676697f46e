import { Injectable } from '@nestjs/common';
import type { Sql } from '../persistence';
import { AlertStore } from './alert.store';
import { ComponentHealth } from './component-health';
import { RecentSeriousFailures } from './recent-failures';
import type { Facts } from './rules';

/** Gathers what the rules look at. */
@Injectable()
export class AlertFacts {
  constructor(
    private readonly store: AlertStore,
    private readonly health: ComponentHealth,
    private readonly recent: RecentSeriousFailures,
  ) {}

  /** Of all processes, but for health, which each process has of its own. */
  async gather(tx: Sql, now: number): Promise<Facts> {
    const failures = await this.store.failures(tx, now);
    return { now, health: this.health.details(), failures, tasks: await this.store.tasks(tx) };
  }

  /** Of this process, while the database does not answer. */
  own(now: number): Facts {
    return { now, health: this.health.details(), failures: this.recent.since(now), tasks: [] };
  }
}
