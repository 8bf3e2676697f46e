import type { Logger } from '../telemetry';
import { classify } from './classify';
import { ComponentError } from './component-error';
import type { FailureMetrics } from './failure-metrics';
import type { FailureRecord, FailureRecordStore } from './failure-record';
import type { FailureSpool } from './spool';
import { within } from './within';

const SAVE_MS = 500;
const INGEST_SAVE_MS = 10_000;
/** How long a store that failed is left alone, so that not every failure of an outage waits for it. */
const AVOID_STORE_MS = 1_000;
const LOG_LOSS_EVERY_MS = 60_000;
/** Records that wait in memory, each of at most some kilobytes. */
const MOST_HELD = 2_000;

/** Keeps failure records: in the store, in the spool while the store does not take them, in memory while no file does either. */
export class FailureArchive {
  private store: FailureRecordStore | undefined;
  private avoidStoreUntil = 0;
  private spooling = false;
  private readonly saidAt = new Map<string, number>();
  /** Support code -> record: what a kill of this process takes with it, but for its log line. */
  private readonly held = new Map<string, FailureRecord>();

  constructor(
    private readonly spool: FailureSpool,
    private readonly metrics: FailureMetrics,
    private readonly logger: Logger,
  ) {}

  /** The store comes late: it stands on the database, which reports failures itself. */
  attach(store: FailureRecordStore): void {
    this.store = store;
  }

  /** Resolves when the record is durable, or cannot be made so, which is logged and counted. Never rejects. */
  async keep(record: FailureRecord): Promise<void> {
    if (await this.saved(record)) return;
    try {
      await this.spool.append(record);
    } catch (error) {
      this.reportUnspooled(record, classify(error, 'Integration'));
    }
  }

  /**
   * Looks everywhere.
   * @throws ComponentError DATABASE_UNAVAILABLE, or what the store throws, when only the store could know
   */
  async find(supportCode: string): Promise<FailureRecord | null> {
    // Records move from the spool to the store: looked up in this order, none slips through.
    const near = this.held.get(supportCode) ?? (await this.spool.find(supportCode));
    return near ?? this.stored().find(supportCode);
  }

  /** The store. @throws ComponentError DATABASE_UNAVAILABLE while it is not ready */
  stored(): FailureRecordStore {
    if (this.store?.ready !== true) throw ComponentError.database('DATABASE_UNAVAILABLE');
    return this.store;
  }

  /** Moves what was spooled into the store, if that is ready. @throws what the store throws; then nothing is lost */
  async ingest(): Promise<void> {
    const store = this.store;
    if (store?.ready !== true) return;
    await this.saveHeld(store);
    const { ingested, torn } = await this.spool.drain((records) => this.saveAll(store, records));
    if (torn > 0)
      this.logger.warn({ torn }, 'The spool of failure records had torn lines, as a killed process leaves them');
    if (ingested === 0) return;
    this.spooling = false;
    this.logger.info({ ingested }, 'Spooled failure records are in the database');
  }

  private async saveHeld(store: FailureRecordStore): Promise<void> {
    const records = [...this.held.values()];
    if (records.length === 0) return;
    await this.saveAll(store, records);
    for (const record of records)
      if (this.held.get(record.support_code) === record) this.held.delete(record.support_code);
    this.logger.info({ ingested: records.length }, 'Failure records from memory are in the database');
  }

  private async saved(record: FailureRecord): Promise<boolean> {
    const store = this.store;
    if (store?.ready !== true || Date.now() < this.avoidStoreUntil) return false;
    try {
      await within(SAVE_MS, store.save([record]));
      return true;
    } catch (error) {
      this.reportRefusal(classify(error, 'Database'));
      return false;
    }
  }

  /** A batch that the store refuses is tried record by record, so that a bad one costs only itself, and that in full view. */
  private async saveAll(store: FailureRecordStore, records: FailureRecord[]): Promise<void> {
    try {
      await within(INGEST_SAVE_MS, store.save(records));
    } catch (error) {
      const failure = classify(error, 'Database');
      if (!isAboutTheRow(failure)) throw error;
      if (records.length === 1) return this.reportLoss(records[0]!, failure);
      for (const record of records) await this.saveAll(store, [record]);
    }
  }

  private reportRefusal(failure: ComponentError): void {
    if (!isAboutTheRow(failure)) this.avoidStoreUntil = Date.now() + AVOID_STORE_MS;
    if (this.spooling) return;
    this.spooling = true;
    this.logger.warn(
      { reason: failure.reason, err: failure.cause },
      'Failure records go to the spool until the database takes them again',
    );
  }

  private reportUnspooled(record: FailureRecord, failure: ComponentError): void {
    if (this.held.size >= MOST_HELD && !this.held.has(record.support_code)) return this.reportLoss(record, failure);
    this.held.set(record.support_code, record);
    this.metrics.count(failure.definition);
    if (!this.isTimeToSay('held')) return;
    const about = { code: failure.definition.code, reason: failure.reason, err: failure.cause };
    this.logger.error(about, 'Failure records are in memory alone, until the database or the disk takes them');
  }

  private isTimeToSay(what: string): boolean {
    const due = Date.now() - (this.saidAt.get(what) ?? -Infinity) >= LOG_LOSS_EVERY_MS;
    if (due) this.saidAt.set(what, Date.now());
    return due;
  }

  private reportLoss(record: FailureRecord, failure: ComponentError): void {
    this.metrics.count(failure.definition);
    if (!this.isTimeToSay(failure.reason)) return;
    const about = { code: failure.definition.code, reason: failure.reason, err: failure.cause, record };
    this.logger.fatal(about, 'Failure records are lost but for their log lines; this line stands for a minute of them');
  }
}

/** SQLSTATE classes 22 (data exception) and 23 (constraint): another time will not help. */
function isAboutTheRow({ details }: ComponentError): boolean {
  return typeof details['sqlstate'] === 'string' && /^2[23]/.test(details['sqlstate']);
}
