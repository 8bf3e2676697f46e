import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import type { FailureRecord } from './failure-record';
import { aRecord, temporaryDirectory } from './failures.fixture';
import { FailureSpool } from './spool';

const directory = temporaryDirectory();
const live = () => join(directory(), 'failures.ndjson');

async function drained(spool: FailureSpool): Promise<string[]> {
  const codes: string[] = [];
  await spool.drain(async (records) => void codes.push(...records.map((record) => record.support_code)));
  return codes;
}

describe('FailureSpool', () => {
  it('finds what another instance appended, in a file that only its owner reads', async () => {
    const record = aRecord();
    await new FailureSpool(directory(), 100_000).append(record);
    expect(await new FailureSpool(directory(), 100_000).find(record.support_code)).toEqual(record);
    expect((await stat(live())).mode & 0o777).toBe(0o600);
  });

  it('finds nothing where there is nothing', async () => {
    const spool = new FailureSpool(join(directory(), 'not', 'there'), 100_000);
    expect(await spool.find('X_00000000')).toBeNull();
    expect(await spool.drain(() => Promise.reject(new Error('nothing to save')))).toEqual({ ingested: 0, torn: 0 });
  });

  it('selects the newest of what is wanted, each as it was spooled last', async () => {
    const spool = new FailureSpool(directory(), 1_000_000);
    const at = (second: number) => ({ occurred_at: new Date(second * 1_000).toISOString() });
    const records = Array.from({ length: 50 }, (_, second) => ({ ...aRecord(), ...at(second) }));
    await Promise.all([...records, aRecord('somebody else')].map((record) => spool.append(record)));
    await spool.append({ ...records[49]!, count: 7 });
    const found = await spool.select(({ user_id }) => user_id === 'user123', 3);
    const wanted = records.slice(-3).reverse();
    expect(found.map(({ support_code }) => support_code)).toEqual(wanted.map(({ support_code }) => support_code));
    expect(found.map(({ count }) => count)).toEqual([7, 1, 1]);
  });

  it('hands over each record once and in order, then is empty', async () => {
    const spool = new FailureSpool(directory(), 1_000_000);
    const records = Array.from({ length: 250 }, () => aRecord());
    await Promise.all(records.map((record) => spool.append(record)));
    expect(await drained(spool)).toEqual(records.map((record) => record.support_code));
    expect(await readdir(directory())).toEqual([]);
  });

  it('keeps everything when saving fails, also what is appended meanwhile, and gives it out later', async () => {
    const spool = new FailureSpool(directory(), 1_000_000);
    const [first, second] = [aRecord(), aRecord()];
    await spool.append(first);
    const save = async () => {
      await spool.append(second);
      throw new Error('database down');
    };
    await expect(spool.drain(save)).rejects.toThrow('database down');
    expect(await spool.find(first.support_code)).toEqual(first);
    expect(await spool.find(second.support_code)).toEqual(second);
    expect([...(await drained(spool)), ...(await drained(spool))]).toEqual([first.support_code, second.support_code]);
  });

  it('goes on where a process was killed between setting the file aside and removing it', async () => {
    const spool = new FailureSpool(directory(), 1_000_000);
    const record = aRecord();
    await spool.append(record);
    await expect(spool.drain(() => Promise.reject(new Error('killed')))).rejects.toThrow('killed');
    expect(await drained(new FailureSpool(directory(), 1_000_000))).toEqual([record.support_code]);
  });

  it('loses no whole record, wherever a kill cuts the file, and appends cleanly after the tear', async () => {
    const record = (index: number): FailureRecord => ({ ...aRecord(`user${index}`), locale: 'ü😀' });
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.nat(), async (count, cut) => {
      const records = Array.from({ length: count }, (_, index) => record(index));
      const lines = records.map((entry) => `${JSON.stringify(entry)}\n`);
      await writeFile(live(), lines.join(''));
      const kept = cut % (Buffer.byteLength(lines.join('')) + 1);
      await truncate(live(), kept);
      const whole = records.filter((_, index) => Buffer.byteLength(lines.slice(0, index + 1).join('')) - 1 <= kept);

      const spool = new FailureSpool(directory(), 1_000_000);
      const after = aRecord();
      await spool.append(after);
      expect(await drained(spool)).toEqual([...whole, after].map((entry) => entry.support_code));
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it('says how many torn lines it left out', async () => {
    const spool = new FailureSpool(directory(), 1_000_000);
    await spool.append(aRecord());
    await appendFile(live(), '{"support_code":"X_0000');
    expect(await spool.drain(() => Promise.resolve())).toEqual({ ingested: 1, torn: 1 });
  });

  it('refuses what goes beyond its cap, counting what is set aside, and takes more once it was drained', async () => {
    const record = aRecord();
    const line = Buffer.byteLength(JSON.stringify(record)) + 1;
    const spool = new FailureSpool(directory(), line * 3 + 10);
    await Promise.all([spool.append(record), spool.append(record)]);
    await expect(spool.drain(() => Promise.reject(new Error('down')))).rejects.toThrow('down');
    await spool.append(record);
    await expect(spool.append(record)).rejects.toMatchObject({ reason: 'SPOOL_OVERFLOW' });
    await drained(spool);
    await drained(spool);
    await expect(spool.append(record)).resolves.toBeUndefined();
  });

  it('says so when the file cannot be written', async () => {
    const occupied = join(directory(), 'occupied');
    await writeFile(occupied, 'a file where the directory belongs');
    const refused = new FailureSpool(occupied, 100_000).append(aRecord());
    await expect(refused).rejects.toMatchObject({ reason: 'SPOOL_WRITE_FAILED' });
    expect(await readFile(occupied, 'utf8')).toContain('a file');
  });
});
