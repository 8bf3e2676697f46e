import { Injectable } from '@nestjs/common';
import { Supervisor } from '../agents';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Database, PersistenceLifecycle } from '../persistence';
import { JobProcessors } from './job-processors.service';
import { QueueHost } from './queue-host';

const WATCH_EVERY_MS = 1_000;

/**
 * Brings the queues up when the database is up, looks after them, and closes them. BullMQ waits out what happens to the database later;
 * whatever goes wrong is reported once an outage.
 */
@Injectable()
export class QueuesLifecycle {
  private readonly watch: PeriodicLoop;

  constructor(
    private readonly database: Database,
    private readonly persistence: PersistenceLifecycle,
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
   * Resolves when the queues are open, or the database is known to be away; then they open when it returns.
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
    await this.supervisor.start();
    await this.host.open(this.persistence.connectionUrl, this.processors.all());
    this.processors.opened();
  }
}
