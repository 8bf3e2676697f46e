import type { Severity } from '@clarion/protocol';
import { type Logger, noteFailure } from '../telemetry';
import { bodyOfRecord, envelopeOf } from './body';
import { classify } from './classify';
import { ComponentError } from './component-error';
import { FailureAggregator, type Aggregate } from './failure-aggregator';
import type { FailureArchive } from './failure-archive';
import { FailureFeed } from './failure-feed';
import type { FailureMetrics } from './failure-metrics';
import type { FailureRecord } from './failure-record';
import { FailureReporter, type Failure, type FailureContext } from './failure-reporter';
import { HealthNow } from './health-now';
import { recordOf } from './record';
import { newSupportCode } from './support-code';

const LEVEL: Readonly<Record<Severity, 'fatal' | 'error' | 'warn' | 'info'>> = {
  critical: 'fatal',
  error: 'error',
  warning: 'warn',
  info: 'info',
};

interface Reported {
  readonly context: FailureContext;
  readonly failure: Promise<Failure>;
}

/** Classifies, logs, counts and keeps; adds up what clients cause in masses. */
export class RecordingFailureReporter extends FailureReporter {
  private readonly reported = new WeakMap<object, Reported>();
  private readonly aggregator = new FailureAggregator();

  constructor(
    private readonly archive: FailureArchive,
    private readonly metrics: FailureMetrics,
    private readonly logger: Logger,
    private readonly options: { readonly exposeRootCause: boolean },
    private readonly feed: FailureFeed = new FailureFeed(),
    private readonly health: HealthNow = new HealthNow(),
  ) {
    super();
  }

  override report(error: unknown, context: FailureContext): Promise<Failure> {
    const known = this.knownAs(error, context);
    if (known !== undefined) return known;
    const failure = this.handle(error, context);
    this.remember(error, { context, failure });
    return failure;
  }

  /** Closes the aggregates whose minute is over by `now` (milliseconds since the epoch; Infinity: all of them). */
  async closeAggregates(now = Date.now()): Promise<void> {
    await Promise.all(this.aggregator.expire(now).map((aggregate) => this.close(aggregate)));
  }

  /** Never rejects, not even for an error object that throws when it is looked at. */
  private async handle(thrown: unknown, context: FailureContext): Promise<Failure> {
    try {
      return await this.process(thrown, classify(thrown, context.component), context);
    } catch (problem) {
      const described = problem instanceof Error ? problem : new Error('An error could not be looked at');
      const error = ComponentError.internal('INTERNAL_ERROR', { cause: described });
      return this.single(error, error, context);
    }
  }

  private async process(thrown: unknown, error: ComponentError, context: FailureContext): Promise<Failure> {
    const { definition } = error;
    const aggregate =
      definition.aggregate && context.notify !== true
        ? this.aggregator.admit(definition.reason, context.source ?? context.user_id ?? 'unknown', Date.now())
        : undefined;
    return aggregate === undefined
      ? this.single(thrown, error, context)
      : this.aggregated(aggregate, thrown, error, context);
  }

  private async single(thrown: unknown, error: ComponentError, context: FailureContext): Promise<Failure> {
    const record = this.recordOf(thrown, error, context, newSupportCode(error.reason));
    this.log(record, error.message);
    noteFailure(record);
    this.metrics.count(error.definition);
    await this.archive.keep(record);
    this.feed.publish(record);
    return this.failureOf(record, error);
  }

  private async aggregated(
    aggregate: Aggregate,
    thrown: unknown,
    error: ComponentError,
    context: FailureContext,
  ): Promise<Failure> {
    this.metrics.count(error.definition);
    aggregate.record ??= this.open(aggregate, thrown, error, context);
    const { support_code: supportCode } = await aggregate.record;
    return this.failureOf(this.recordOf(thrown, error, context, supportCode), error);
  }

  /** The record that stands for the rest of the window; the first of its occurrences serves as the example. */
  private async open(
    { source }: Aggregate,
    thrown: unknown,
    error: ComponentError,
    context: FailureContext,
  ): Promise<FailureRecord> {
    const isUser = source !== null && context.source === undefined && source === context.user_id;
    const shared = {
      ...context,
      source: source ?? 'many',
      user_id: isUser ? source : null,
      run_id: null,
      thread_id: null,
    };
    const record = this.recordOf(thrown, error, shared, newSupportCode(error.reason));
    this.log(record, `${error.message}; further occurrences of this minute are added up`);
    await this.archive.keep(record);
    return record;
  }

  private async close({ record: opened, count, lastAt }: Aggregate): Promise<void> {
    if (opened === undefined) return;
    const record = await opened;
    const about = { support_code: record.support_code, reason: record.reason, source: record.source, count };
    this.logger[LEVEL[record.severity]](about, 'Occurrences that were added up');
    if (count > 1) await this.archive.keep({ ...record, count, last_at: new Date(lastAt).toISOString() });
  }

  private recordOf(
    thrown: unknown,
    error: ComponentError,
    context: FailureContext,
    supportCode: string,
  ): FailureRecord {
    return recordOf({ thrown, error, context, supportCode, at: new Date(), health: this.health.words() });
  }

  private log(record: FailureRecord, message: string): void {
    this.logger[LEVEL[record.severity]](record, message);
  }

  private failureOf(record: FailureRecord, cause: ComponentError): Failure {
    const error = bodyOfRecord(record, this.options);
    return { support_code: record.support_code, error, envelope: envelopeOf(error), cause };
  }

  /**
   * An error that passes through two layers is one failure. But one error that fails many callers at once (a batch, a pool) is one failure
   * for each of them: nobody is handed the ids of somebody else.
   */
  private knownAs(error: unknown, context: FailureContext): Promise<Failure> | undefined {
    if (typeof error !== 'object' || error === null) return undefined;
    const known = this.reported.get(error);
    if (known === undefined || (context.notify === true && known.context.notify !== true)) return undefined;
    const same = (['user_id', 'run_id'] as const).every((id) => (known.context[id] ?? null) === (context[id] ?? null));
    return same ? known.failure : undefined;
  }

  private remember(error: unknown, reported: Reported): void {
    if (typeof error === 'object' && error !== null) this.reported.set(error, reported);
    void reported.failure.then(({ cause }) => this.reported.set(cause, reported));
  }
}
