import { formatCursor, type DurableEventDataMap, type DurableEventType } from '@clarion/protocol';

/** Whose events these are, and in which numbers. */
interface Log {
  readonly user_id: string;
  readonly epoch: string;
}

/** The same as an event says it, in JSON. */
interface Origin {
  readonly epoch: string;
  readonly user: string;
}

interface Row {
  readonly seq: number;
  readonly type: DurableEventType;
  readonly thread_id: string | null;
  readonly run_id: string | null;
  readonly attempt: number | null;
  /** JSON. */
  readonly path: string;
  readonly critical: boolean;
  /** Milliseconds since the epoch. */
  readonly created_at: number;
  /** JSON. */
  readonly data: string;
}

const COLUMNS = [
  'seq',
  'type',
  'thread_id',
  'run_id',
  'attempt',
  `coalesce(to_json(path)::text, 'null')`,
  'critical',
  `(date_part('epoch', created_at) * 1000)::bigint`,
  'data',
];

/** A row of `mailbox_events` as a line of text for `LoggedEvent.parse`. JSON has neither tabs nor newlines; `concat` takes null for nothing. */
const LOGGED_LINE = `concat(${COLUMNS.join(`, E'\\t', `)})`;

/** What a page read for a connection has at most: far less than what may wait for a client. */
export const PAGE_EVENTS = 200;
export const PAGE_BYTES = 131_072;

/** SQL expressions of one page: whose, after which `seq`, how many events, how much these may carry (null: any). */
interface PageSql {
  readonly user: string;
  readonly after: string;
  readonly most: string;
  readonly bytes: string;
}

/**
 * A lateral subquery with a page of the log, oldest first, as one text `events` for `parsePage`, null where there is none: rows and columns of their
 * own would be most of the cost of reading. What is stored compressed is measured as it will be read. The first event is always in it.
 */
export function pageOfLog({ user, after, most, bytes }: PageSql): string {
  return `(
  SELECT string_agg(${LOGGED_LINE}, E'\\n' ORDER BY seq) AS events
  FROM (
    SELECT *, sum(bytes) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) - bytes AS before
    FROM (
      SELECT *, CASE WHEN pg_column_compression(data) IS NULL THEN pg_column_size(data) ELSE octet_length(data::text) END AS bytes
      FROM mailbox_events WHERE user_id = ${user} AND seq > ${after} ORDER BY seq LIMIT ${most}
    ) AS candidate
  ) AS e WHERE e.before < ${bytes} OR ${bytes} IS NULL
)`;
}

/** An event as the log gives it. What it carries stays text until somebody reads it: nearly all of it is only passed on. */
export class LoggedEvent {
  private constructor(
    private readonly origin: Origin,
    private readonly row: Row,
  ) {}

  static parse(origin: Origin, line: string): LoggedEvent {
    const fields: string[] = [];
    let from = 0;
    for (let to = line.indexOf('\t'); to >= 0; to = line.indexOf('\t', from)) {
      fields.push(line.slice(from, to));
      from = to + 1;
    }
    const [seq, type, thread_id, run_id, attempt, path = 'null', critical, created_at] = fields;
    return new LoggedEvent(origin, {
      seq: Number(seq),
      type: type as DurableEventType,
      thread_id: thread_id || null,
      run_id: run_id || null,
      attempt: attempt ? Number(attempt) : null,
      path,
      critical: critical === 't',
      created_at: Number(created_at),
      data: line.slice(from),
    });
  }

  get seq(): number {
    return this.row.seq;
  }

  get type(): DurableEventType {
    return this.row.type;
  }

  get run_id(): string | null {
    return this.row.run_id;
  }

  get attempt(): number | null {
    return this.row.attempt;
  }

  get critical(): boolean {
    return this.row.critical;
  }

  get data(): DurableEventDataMap[DurableEventType] {
    return JSON.parse(this.row.data) as DurableEventDataMap[DurableEventType];
  }

  /** The `DurableEvent` as JSON. Types and ids are of characters that JSON takes as they are. */
  json(recovered: boolean): string {
    const { seq, type, thread_id, run_id, attempt, path, critical, data, created_at } = this.row;
    const { epoch, user } = this.origin;
    return (
      `{"type":"${type}","id":"${formatCursor(epoch, seq)}","epoch":"${epoch}","seq":${seq},"timestamp":"${isoOf(created_at)}",` +
      `"user_id":${user},"thread_id":${quoted(thread_id)},"run_id":${quoted(run_id)},"attempt":${attempt},` +
      `"path":${path},"critical":${critical},"recovered":${recovered},"data":${data}}`
    );
  }
}

/** What `pageOfLog` has read of this log. */
export function parsePage({ user_id, epoch }: Log, events: string): LoggedEvent[] {
  const origin = { epoch, user: JSON.stringify(user_id) };
  return events.split('\n').map((line) => LoggedEvent.parse(origin, line));
}

function quoted(id: string | null): string {
  return id === null ? 'null' : `"${id}"`;
}

let latest = { at: 0, iso: new Date(0).toISOString() };

/** What a transaction has written was written at one moment. */
function isoOf(at: number): string {
  if (at !== latest.at) latest = { at, iso: new Date(at).toISOString() };
  return latest.iso;
}
