import { Injectable } from '@nestjs/common';
import { Supervisor } from '../agents';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import { JobProcessors } from './job-processors.service';
import { QueueBackend } from './queue-backend';
import { QueueHost } from './queue-host';

const WATCH_EVERY_MS = 1_000;

/**
 * Brings the queues up when the database and their backend are up, looks after them, and closes them. BullMQ waits out what happens to either later;
 * whatever goes wrong is reported once an outage.
 */
@Injectable()
export class QueuesLifecycle {
  private readonly watch: PeriodicLoop;
  private supervising = false;

  constructor(
    private readonly database: Database,
    private readonly backend: QueueBackend,
    private readonly supervisor: Supervisor,
    private readonly host: QueueHost,
    private readonly processors: JobProcessors,
    private readonly reporter: FailureReporter,
  ) {
    this.watch = new PeriodicLoop({
      name: 'queues.watch',
      everyMs: WATCH_EVERY_MS,
      work: () => (this.host.isOpen ? this.host.check() : this.bringUp()),
      reporter,
      component: 'Redis',
    });
  }

  /**
   * Resolves when the queues are open, or what they need is known to be away; then they open when it returns.
   * @throws ComponentError for what waiting cannot mend: DATABASE_SCHEMA_OUTDATED, missing privileges
   */
  async start(): Promise<void> {
    try {
      await this.bringUp();
    } catch (error) {
      const { cause } = await this.reporter.report(error, { operation: 'queues.open', component: 'Redis' });
      if (cause.reason === 'DATABASE_SCHEMA_OUTDATED' || !cause.definition.retryable) throw cause;
    }
    this.watch.start();
    this.database.onReady(() => void this.watch.trigger());
    this.backend.onReady(() => void this.watch.trigger());
  }

  /** No job begins after this; those that are worked on go on. */
  async stopTaking(): Promise<void> {
    await this.watch.stop();
    this.processors.stop();
    await this.host.stopTaking();
  }

  async close(): Promise<void> {
    await this.watch.stop();
    await this.host.close();
  }

  private async bringUp(): Promise<void> {
    if (!this.database.ready) return;
    // Before the supervisor has started no run may be leased.
    if (!this.supervising) await this.supervisor.start();
    this.supervising = true;
    if (!this.backend.ready) return;
    await this.host.open(this.processors.all());
    this.processors.opened();
  }
}
