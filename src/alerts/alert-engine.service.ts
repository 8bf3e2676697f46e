import { Injectable, Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AppConfig } from '../config';
import { classify } from '../errors';
import type { Transaction } from '../persistence';
import { AlertBook } from './alert-book.service';
import { AlertFacts } from './alert-facts.service';
import { AlertStore } from './alert.store';
import { AlertDeliveries } from './deliveries.service';
import { type Evaluation, Evaluator, type Silence } from './evaluate';
import type { AlertState } from './lifecycle';
import { OutageAlerts } from './outage-alerts.service';

/** Applies the rules, in the database or, while that is away, beside it. */
@Injectable()
export class AlertEngine {
  private readonly logger = new Logger('alerts');
  private readonly evaluator: Evaluator;
  /** What the database had last: with it away, what was told already is not told again. */
  private known: readonly AlertState[] = [];
  private silences: readonly Silence[] = [];

  constructor(
    private readonly store: AlertStore,
    private readonly facts: AlertFacts,
    private readonly book: AlertBook,
    private readonly outage: OutageAlerts,
    private readonly deliveries: AlertDeliveries,
    config: AppConfig,
  ) {
    this.evaluator = new Evaluator(config.alerts, uuidv7);
  }

  /** The alerts as this process saw them last. */
  get current(): readonly AlertState[] {
    return this.outage.known(this.known);
  }

  /**
   * Looks once; resolves when what has changed is stored. While another process looks, nothing happens.
   * @throws what the database throws
   */
  async evaluate(): Promise<void> {
    await this.outage.load();
    if (!this.store.ready) return this.evaluateAlone();
    // What is being sent without the database is in it only when that has ended.
    if (this.outage.busy) return;
    try {
      await this.evaluateTogether();
    } catch (error) {
      // It can be read, and takes no alert.
      if (classify(error, 'Database').reason !== 'DATABASE_DISK_FULL') throw error;
      await this.evaluateAlone();
    }
  }

  private async evaluateTogether(): Promise<void> {
    const { pending } = this.outage;
    if (pending !== null) {
      const ends = await this.store.transaction((tx) => this.book.ingest(tx, pending));
      // Should the database go away again before it has been read.
      this.known = this.outage.known(this.known);
      await this.outage.forget();
      await this.deliveries.wake(ends);
    }
    const messages = await this.store.alone((tx, now) => this.evaluateIn(tx, now));
    await this.deliveries.wake(messages ?? []);
    if (messages !== null) await this.deliveries.sendStranded();
  }

  private async evaluateIn(tx: Transaction, now: number): Promise<string[]> {
    const known = await this.store.known(tx, now);
    const silences = await this.store.silences(tx);
    this.known = known;
    this.silences = silences;
    const evaluation = this.evaluator.evaluate(known, await this.facts.gather(tx, now), silences);
    const messages = [...(await this.book.save(tx, evaluation)), ...(await this.book.offerAgain(tx))];
    tx.afterCommit(() => {
      this.known = merged(known, evaluation);
      this.log(evaluation);
    });
    return messages;
  }

  private async evaluateAlone(): Promise<void> {
    const evaluation = this.evaluator.evaluate(this.current, this.facts.own(Date.now()), this.silences);
    await this.outage.apply(evaluation);
    this.log(evaluation);
  }

  private log({ actions }: Evaluation): void {
    for (const { alert, action } of actions) {
      const { id, rule, group, severity } = alert;
      this.logger.warn({ alert_id: id, rule, group, severity, action }, `Alert: ${alert.summary}`);
    }
  }
}

function merged(known: readonly AlertState[], { changed }: Evaluation): AlertState[] {
  const byId = new Map([...known, ...changed].map((alert) => [alert.id, alert]));
  return [...byId.values()];
}
