import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { ComponentError } from './component-error';
import { textOf } from './error-chain';
import { type FailureRecord, newestFirst } from './failure-record';

const LIVE = 'failures.ndjson';
const ASIDE = '.ingesting';
const BATCH = 100;
const NEWLINE = 0x0a;

interface Waiting {
  readonly line: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Failure records in a capped local file, for as long as the database does not take them. One JSON object a line, appended in one write, so
 * that a killed process tears at most the last line, of which nobody was told. To be ingested the file is set aside under another name, while
 * appends begin a new one; it is removed only after all of it was saved. At worst a record is saved twice.
 */
export class FailureSpool {
  private waiting: Waiting[] = [];
  private tail: Promise<unknown> = Promise.resolve();

  /** @param maxBytes limit of all that waits; beyond it new records are refused */
  constructor(
    private readonly directory: string,
    private readonly maxBytes: number,
  ) {}

  /**
   * Resolves when the record is in the file: it survives a kill of the process.
   * @throws ComponentError SPOOL_OVERFLOW or SPOOL_WRITE_FAILED
   */
  append(record: FailureRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ line: Buffer.from(`${JSON.stringify(record)}\n`), resolve, reject });
      if (this.waiting.length === 1) void this.exclusively(() => this.flush());
    });
  }

  /** The record as it was spooled last; null when it is not here, or no longer. */
  async find(supportCode: string): Promise<FailureRecord | null> {
    let found: FailureRecord | null = null;
    for await (const name of this.allFiles()) {
      for await (const record of this.records(name)) {
        if (record?.support_code !== supportCode) continue;
        if (found === null || record.count >= found.count) found = record;
      }
    }
    return found;
  }

  /** What waits and is `wanted`, as it was spooled last; of more than `limit` the newest. */
  async select(wanted: (record: FailureRecord) => boolean, limit: number): Promise<FailureRecord[]> {
    let found = new Map<string, FailureRecord>();
    for await (const name of this.allFiles()) {
      for await (const record of this.records(name)) {
        if (record === null || !wanted(record) || record.count < (found.get(record.support_code)?.count ?? 0)) continue;
        found.set(record.support_code, record);
        if (found.size > 2 * limit)
          found = new Map(newest(found.values(), limit).map((one) => [one.support_code, one]));
      }
    }
    return newest(found.values(), limit);
  }

  /**
   * Hands everything that waits to `save`, in batches, oldest first. Not to be called again before it has ended.
   * @returns how many records were handed over, and how many torn lines were left out
   * @throws what `save` throws; what was not saved stays
   */
  async drain(save: (records: FailureRecord[]) => Promise<void>): Promise<{ ingested: number; torn: number }> {
    await this.exclusively(() => this.setAside());
    const total = { ingested: 0, torn: 0 };
    for (const name of await this.asideFiles()) {
      let batch: FailureRecord[] = [];
      const hand = async () => {
        if (batch.length > 0) await save(batch);
        total.ingested += batch.length;
        batch = [];
      };
      for await (const record of this.records(name)) {
        if (record === null) total.torn += 1;
        else batch.push(record);
        if (batch.length === BATCH) await hand();
      }
      await hand();
      await rm(join(this.directory, name), { force: true });
    }
    return total;
  }

  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.tail.then(work);
    // Whoever asked for the work gets its failure; what comes next only waits for its end.
    this.tail = Promise.allSettled([done]);
    return done;
  }

  /** Never rejects: what goes wrong is told to those who wait. */
  private async flush(): Promise<void> {
    const batch = this.waiting;
    this.waiting = [];
    try {
      const refused = await this.write(batch);
      for (const { resolve, reject, line } of batch) {
        if (refused.has(line))
          reject(ComponentError.integration('SPOOL_OVERFLOW', { details: { max_bytes: this.maxBytes } }));
        else resolve();
      }
    } catch (error) {
      const failure = ComponentError.integration('SPOOL_WRITE_FAILED', { cause: error });
      batch.forEach(({ reject }) => reject(failure));
    }
  }

  /** @returns the lines for which there was no room */
  private async write(batch: readonly Waiting[]): Promise<Set<Buffer>> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const handle = await open(join(this.directory, LIVE), 'a+', 0o600);
    try {
      const { size } = await handle.stat();
      let room = this.maxBytes - size - (await this.asideBytes());
      const refused = new Set<Buffer>();
      const lines: Uint8Array[] = (await endsTorn(handle, size)) ? [Buffer.of(NEWLINE)] : [];
      for (const { line } of batch) {
        if (line.length > room) refused.add(line);
        else lines.push(line);
        room -= refused.has(line) ? 0 : line.length;
      }
      if (refused.size < batch.length) await handle.appendFile(Buffer.concat(lines));
      return refused;
    } finally {
      await handle.close();
    }
  }

  /** Under a name of its own, so that processes that share the directory never overwrite each other's. */
  private async setAside(): Promise<void> {
    if ((await this.asideFiles()).length > 0) return;
    try {
      await rename(join(this.directory, LIVE), join(this.directory, `${Date.now()}-${randomUUID()}${ASIDE}`));
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
  }

  private async asideFiles(): Promise<string[]> {
    try {
      return (await readdir(this.directory)).filter((name) => name.endsWith(ASIDE)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  /** The live file first: a record moves from there to a file set aside, never back. */
  private async *allFiles(): AsyncGenerator<string, void, void> {
    yield LIVE;
    yield* await this.asideFiles();
  }

  private async asideBytes(): Promise<number> {
    let bytes = 0;
    for (const name of await this.asideFiles()) bytes += (await stat(join(this.directory, name))).size;
    return bytes;
  }

  /** Each line's record, or null for a torn line; nothing for a file that is not there. */
  private async *records(name: string): AsyncGenerator<FailureRecord | null, void, void> {
    const chunks = createReadStream(join(this.directory, name), 'utf8') as AsyncIterable<string>;
    let rest = '';
    try {
      for await (const chunk of chunks) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        yield* lines.filter((line) => line !== '').map(parse);
      }
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    if (rest !== '') yield parse(rest);
  }
}

function newest(records: Iterable<FailureRecord>, limit: number): FailureRecord[] {
  return [...records].sort(newestFirst).slice(0, limit);
}

async function endsTorn(handle: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const last = Buffer.alloc(1);
  await handle.read(last, 0, 1, size - 1);
  return last[0] !== NEWLINE;
}

function parse(line: string): FailureRecord | null {
  try {
    const parsed = JSON.parse(line) as unknown;
    const whole = typeof parsed === 'object' && parsed !== null && textOf(parsed, 'support_code') !== undefined;
    return whole ? (parsed as FailureRecord) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === 'object' && error !== null && textOf(error, 'code') === 'ENOENT';
}
