import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { ComponentError, FailureReporter, PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import type { Connection } from './connection';
import { Connections } from './connections.service';

const EVERY_MS = 250;
/** A restart of the database that nobody notices is not told. */
const NOTICED_AFTER_MS = 500;
/** Users who are told at a time: what each is told is logged and kept. */
const AT_ONCE = 50;

/**
 * Tells users whose runs cannot go on because nothing is written: they have asked for nothing since that could be answered with an error. Each run
 * is told of once.
 */
@Injectable()
export class StalledRuns implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly told = new Set<string>();
  /** Since when nothing is written, by the monotonic clock. */
  private since: number | null = null;
  private readonly loop: PeriodicLoop;

  constructor(
    private readonly connections: Connections,
    private readonly database: Database,
    private readonly reporter: FailureReporter,
  ) {
    const work = () => this.look();
    this.loop = new PeriodicLoop({ name: 'runs.stalled', everyMs: EVERY_MS, work, reporter, component: 'Database' });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  private async look(): Promise<void> {
    const cause = this.database.refusal;
    if (cause === null) return this.forget();
    const now = performance.now();
    this.since ??= now;
    if (now - this.since < NOTICED_AFTER_MS) return;
    const stalled = [...this.connections.live].filter(({ openRuns }) => this.untold(openRuns).length > 0);
    const users = [...Map.groupBy(stalled, ({ userId }) => userId).values()];
    for (let at = 0; at < users.length; at += AT_ONCE)
      await Promise.all(users.slice(at, at + AT_ONCE).map((theirs) => this.tell(theirs, cause)));
  }

  private async tell(theirs: readonly Connection[], cause: ComponentError): Promise<void> {
    const [first] = theirs;
    const runs = new Set(theirs.flatMap(({ openRuns }) => this.untold(openRuns)));
    if (first === undefined) return;
    for (const id of runs) this.told.add(id);
    const [run_id = null] = runs.size === 1 ? runs : [];
    const error = ComponentError.database('RUN_STALLED', { cause, details: { runs: [...runs] } });
    const failure = await this.reporter.report(error, { ...first.context('run.stalled'), run_id });
    for (const { socket } of theirs) socket.emit('error', failure.envelope);
  }

  /** What is written again goes on: only runs that are still open stay in mind. */
  private forget(): void {
    this.since = null;
    if (this.told.size === 0) return;
    const open = new Set([...this.connections.live].flatMap(({ openRuns }) => [...openRuns]));
    for (const id of this.told) if (!open.has(id)) this.told.delete(id);
  }

  private untold(runs: Iterable<string>): string[] {
    return [...runs].filter((id) => !this.told.has(id));
  }
}
