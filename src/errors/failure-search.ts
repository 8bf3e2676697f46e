import { Injectable } from '@nestjs/common';
import { FailureArchive } from './failure-archive';
import { type FailureFilter, type FailureGroup, type FailureRecord, newestFirst } from './failure-record';
import { FailureReporter } from './failure-reporter';
import { FailureSpool } from './spool';

const PAGE = 50;
/** Spooled records that groups are made of, at most. */
const MAX_SPOOLED = 10_000;

/** What was found, and what could not be looked at: one sentence each. */
export interface Found<T> {
  readonly found: T[];
  readonly missing: string[];
}

/** Lists failures, of the database and of what this process has spooled; with the database down, of the spool alone. */
@Injectable()
export class FailureSearch {
  constructor(
    private readonly archive: FailureArchive,
    private readonly spool: FailureSpool,
    private readonly reporter: FailureReporter,
  ) {}

  /** Newest first. @throws what the store throws, but for a database that is down */
  async list(filter: FailureFilter): Promise<Found<FailureRecord>> {
    const { limit = PAGE } = filter;
    // The spool first: a record moves from there to the database, never back.
    const spooled = await this.spool.select(matches(filter), limit);
    const { found, missing } = await this.stored(() => this.archive.stored().list(filter));
    const byCode = new Map([...spooled, ...found].map((record) => [record.support_code, record]));
    return { found: [...byCode.values()].sort(newestFirst).slice(0, limit), missing };
  }

  /** By kind. What waits in the spool is counted only while the database is down. @throws as `list` */
  async groups(filter: FailureFilter): Promise<Found<FailureGroup>> {
    const { found, missing } = await this.stored(() => this.archive.stored().groups(filter));
    if (missing.length === 0) return { found, missing };
    const groups = groupsOf(await this.spool.select(matches(filter), MAX_SPOOLED));
    return { found: groups.slice(0, filter.limit ?? PAGE), missing };
  }

  private async stored<T>(look: () => Promise<T[]>): Promise<Found<T>> {
    try {
      return { found: await look(), missing: [] };
    } catch (error) {
      const { cause, support_code } = await this.reporter.report(error, { operation: 'admin.errors' });
      if (cause.definition.component !== 'Database') throw error;
      const missing = [
        `what is in the database, which does not answer (${support_code}): this is what waits in the spool of this process`,
      ];
      return { found: [], missing };
    }
  }
}

function matches(filter: FailureFilter): (record: FailureRecord) => boolean {
  const { since, before, before_code: beforeCode = '', limit: _, ...equal } = filter;
  const from = since === undefined ? '' : new Date(since).toISOString();
  const until = before === undefined ? null : `${new Date(before).toISOString()} ${beforeCode}`;
  const fields = Object.entries(equal).filter(([, value]) => value !== undefined);
  return (record) =>
    record.occurred_at >= from &&
    (until === null || `${record.occurred_at} ${record.support_code}` < until) &&
    fields.every(([field, value]) => record[field as keyof FailureRecord] === value);
}

/** Of records that are newest first. */
function groupsOf(records: readonly FailureRecord[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const record of records) {
    const { fingerprint, code, reason, component, operation, severity, support_code, count, occurred_at, last_at } =
      record;
    const known = groups.get(fingerprint);
    const latest = { fingerprint, code, reason, component, operation, severity, support_code, last_at, users: null };
    groups.set(fingerprint, {
      ...(known ?? latest),
      count: (known?.count ?? 0) + count,
      first_at: occurred_at,
    });
  }
  return [...groups.values()];
}
