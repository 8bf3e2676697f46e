import type { ComponentName, HealthRepair } from '@clarion/protocol';
import { Injectable, Logger } from '@nestjs/common';
import { Counter } from 'prom-client';
import { MetricsRegistry } from './metrics-registry';

interface Tally extends HealthRepair {
  /** Failed attempts since the last one that succeeded. */
  inVain: number;
}

/** What this process does by itself to mend its components: every attempt is counted, told in the log, and shown in the health report. */
@Injectable()
export class Repairs {
  private readonly logger = new Logger('repair');
  private readonly counter: Counter<'component' | 'action' | 'outcome'>;
  private readonly tallies = new Map<string, Tally & { readonly component: ComponentName }>();

  constructor(registry: MetricsRegistry) {
    this.counter = new Counter({
      name: 'clarion_repairs_total',
      help: 'Attempts of this process to mend one of its components, by outcome: succeeded, failed.',
      labelNames: ['component', 'action', 'outcome'],
      registers: [registry],
    });
  }

  /** @param action what was tried, one of few: `reconnect` */
  attempted(component: ComponentName, action: string, succeeded: boolean): void {
    this.counter.inc({ component, action, outcome: succeeded ? 'succeeded' : 'failed' });
    const key = `${component} ${action}`;
    const before = this.tallies.get(key) ?? { component, action, attempts: 0, succeeded: 0, inVain: 0 };
    const inVain = succeeded ? 0 : before.inVain + 1;
    const last = { last_at: new Date().toISOString(), last_succeeded: succeeded };
    const counts = { attempts: before.attempts + 1, succeeded: before.succeeded + Number(succeeded) };
    this.tallies.set(key, { component, action, ...counts, ...last, inVain });
    this.tell({ component, action }, succeeded ? before.inVain : inVain, succeeded);
  }

  /** Since the start of this process. */
  of(component: ComponentName): HealthRepair[] {
    const own = [...this.tallies.values()].filter((tally) => tally.component === component);
    return own.map(({ action, attempts, succeeded, last_at, last_succeeded }) => {
      return { action, attempts, succeeded, last_at, last_succeeded };
    });
  }

  /** Attempts come several a second while something is away: in the log the first, second, fourth and so on. */
  private tell(what: { component: ComponentName; action: string }, inVain: number, succeeded: boolean): void {
    if (succeeded) this.logger.log({ ...what, failed_attempts: inVain }, 'Mended');
    else if (Number.isInteger(Math.log2(inVain)))
      this.logger.warn({ ...what, failed_attempts: inVain }, 'Could not be mended yet');
    else this.logger.debug({ ...what, failed_attempts: inVain }, 'Could not be mended yet');
  }
}
