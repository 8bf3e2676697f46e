import { formatCursor, type DurableEventDataMap, type DurableEventType } from '@clarion/protocol';

/** Whose event it is, and in which numbers. */
interface Log {
  readonly user_id: string;
  readonly epoch: string;
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
export const LOGGED_LINE = `concat(${COLUMNS.join(`, E'\\t', `)})`;

/** An event as the log gives it. What it carries stays text until somebody reads it: nearly all of it is only passed on. */
export class LoggedEvent {
  private constructor(
    private readonly log: Log,
    private readonly row: Row,
  ) {}

  static parse(log: Log, line: string): LoggedEvent {
    const fields: string[] = [];
    let from = 0;
    for (let to = line.indexOf('\t'); to >= 0; to = line.indexOf('\t', from)) {
      fields.push(line.slice(from, to));
      from = to + 1;
    }
    const [seq, type, thread_id, run_id, attempt, path = 'null', critical, created_at] = fields;
    return new LoggedEvent(log, {
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
    const { user_id, epoch } = this.log;
    return (
      `{"type":"${type}","id":"${formatCursor(epoch, seq)}","epoch":"${epoch}","seq":${seq},"timestamp":"${isoOf(created_at)}",` +
      `"user_id":${JSON.stringify(user_id)},"thread_id":${quoted(thread_id)},"run_id":${quoted(run_id)},"attempt":${attempt},` +
      `"path":${path},"critical":${critical},"recovered":${recovered},"data":${data}}`
    );
  }
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
