import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SUPPORT_CODE_PATTERN } from '@clarion/protocol';
import { ComponentError } from './component-error';
import { FailureLookup } from './failure-lookup';
import { aRecord, FailureBench, temporaryDirectory } from './failures.fixture';

const directory = temporaryDirectory();
const CONTEXT = { operation: 'test.work', user_id: 'alice' };
const FAR_FUTURE = Infinity;

describe('a report', () => {
  it('leaves one record, one log line at its severity and one count, and the code finds it at once', async () => {
    const bench = new FailureBench(directory());
    const thrown = Object.assign(new Error('duplicate key'), { code: '23505', table: 'threads' });
    const failure = await bench.reporter.report(thrown, CONTEXT);
    expect(failure.support_code).toMatch(SUPPORT_CODE_PATTERN);
    expect(failure.envelope).toEqual({ type: 'error', error: failure.error });
    expect([...bench.store.records.values()]).toMatchObject([
      { reason: 'DATABASE_CONSTRAINT', user_id: 'alice', private_details: { sqlstate: '23505', table: 'threads' } },
    ]);
    expect(bench.lines).toMatchObject([
      { level: 'error', support_code: failure.support_code, code: 1005, operation: 'test.work', user_id: 'alice' },
    ]);
    expect(bench.lines[0]).toMatchObject({ root_cause: 'Error [23505]: duplicate key' });
    expect(bench.lines[0]!['stack']).toContain('reporter.spec');
    expect(await bench.counted('DATABASE_CONSTRAINT')).toBe(1);
    const found = await new FailureLookup(bench.archive).find(` ${failure.support_code.toLowerCase()} `);
    expect(found?.support_code).toBe(failure.support_code);
  });

  it.each([
    ['DATABASE_UNAVAILABLE', 'fatal'],
    ['AGENT_FAILED', 'error'],
    ['RUN_DELAYED', 'warn'],
    ['DRILL_REQUEST_INVALID', 'info'],
  ] as const)('logs %s at level %s', async (reason, level) => {
    const bench = new FailureBench(directory());
    await bench.reporter.report(new ComponentError(reason), CONTEXT);
    expect(bench.lines.map((line) => line.level)).toEqual([level]);
  });

  it('shows the user no private detail and no root cause, unless that is switched on', async () => {
    const error = ComponentError.database('DATABASE_TIMEOUT', { details: { host: 'db' }, cause: new Error('inside') });
    const hidden = await new FailureBench(directory()).reporter.report(error, CONTEXT);
    expect(hidden.error).toMatchObject({ details: null, root_cause: null });
    const shown = await new FailureBench(directory(), { exposeRootCause: true }).reporter.report(error, CONTEXT);
    expect(shown.error).toMatchObject({ details: { host: 'db' }, root_cause: 'Error: inside' });
  });

  it('of the same error from two layers gives the same failure back', async () => {
    const bench = new FailureBench(directory());
    const error = new Error('rethrown');
    const first = await bench.reporter.report(error, CONTEXT);
    expect(await bench.reporter.report(error, { ...CONTEXT, operation: 'outer' })).toBe(first);
    expect(await bench.reporter.report(first.cause, CONTEXT)).toBe(first);
    expect(bench.lines).toHaveLength(1);
    expect(bench.store.records.size).toBe(1);
  });

  it('of one error that fails two users tells neither about the other', async () => {
    const bench = new FailureBench(directory());
    const shared = new Error('the batch failed');
    const alice = await bench.reporter.report(shared, CONTEXT);
    const bob = await bench.reporter.report(shared, { ...CONTEXT, user_id: 'bob' });
    expect([alice.error.user_id, bob.error.user_id]).toEqual(['alice', 'bob']);
    expect(bob.support_code).not.toBe(alice.support_code);
  });
});

describe('a report never rejects, and its code can be looked up,', () => {
  it('when the store refuses: the record is spooled, and ingested once the store takes it', async () => {
    const bench = new FailureBench(directory());
    bench.store.answer = () => Promise.reject(Object.assign(new Error('down'), { code: 'ECONNREFUSED' }));
    const { support_code } = await bench.reporter.report(new Error('work'), CONTEXT);
    expect(bench.store.records.size).toBe(0);
    expect(await bench.archive.find(support_code)).toMatchObject({ support_code });

    bench.store.answer = () => Promise.resolve();
    await bench.archive.ingest();
    await bench.archive.ingest();
    expect([...bench.store.records.keys()]).toEqual([support_code]);
    expect(await bench.spool.find(support_code)).toBeNull();
    expect(await bench.archive.find(support_code)).toMatchObject({ support_code });
  });

  it('when the store hangs: within a second', async () => {
    const bench = new FailureBench(directory());
    bench.store.answer = () => new Promise(() => undefined);
    const started = Date.now();
    const { support_code } = await bench.reporter.report(new Error('work'), CONTEXT);
    expect(Date.now() - started).toBeLessThan(1_000);
    expect(await bench.spool.find(support_code)).toMatchObject({ support_code });
  });

  it('when the store is known to be down: without asking it', async () => {
    const bench = new FailureBench(directory());
    bench.store.ready = false;
    bench.store.answer = () => Promise.reject(new Error('must not be asked'));
    const { support_code } = await bench.reporter.report(new Error('work'), CONTEXT);
    expect(await bench.archive.find(support_code)).toMatchObject({ support_code });
    expect(bench.lines).toHaveLength(1);
    await expect(bench.archive.find('INTERNAL_ERROR_00000000')).rejects.toMatchObject({
      reason: 'DATABASE_UNAVAILABLE',
    });
  });
});

describe('a report never rejects', () => {
  it('when neither store nor spool takes the record: it waits in memory, where its code finds it, and a log line says so', async () => {
    await writeFile(join(directory(), 'spool'), 'a file where the directory belongs');
    const bench = new FailureBench(directory());
    bench.store.answer = () => Promise.reject(Object.assign(new Error('full'), { code: '53100' }));
    const { support_code } = await bench.reporter.report(new Error('work'), CONTEXT);
    const second = await bench.reporter.report(new Error('more work'), CONTEXT);
    expect(bench.lines.filter((line) => line['reason'] === 'SPOOL_WRITE_FAILED')).toMatchObject([{ level: 'error' }]);
    expect(await bench.counted('SPOOL_WRITE_FAILED')).toBe(2);
    expect(await bench.archive.find(support_code)).toMatchObject({ support_code });
    await expect(bench.archive.ingest()).rejects.toMatchObject({ code: '53100' });

    await rm(join(directory(), 'spool'));
    bench.store.answer = () => Promise.resolve();
    await bench.archive.ingest();
    expect([...bench.store.records.keys()]).toEqual([support_code, second.support_code]);
    bench.store.records.clear();
    expect(await bench.archive.find(support_code)).toBeNull();
  });

  it('when memory has no room either: the record is lost but for its log line, which says so', async () => {
    await writeFile(join(directory(), 'spool'), 'a file where the directory belongs');
    const bench = new FailureBench(directory());
    bench.store.ready = false;
    for (let n = 0; n < 2_000; n += 1) await bench.archive.keep(aRecord());
    const { support_code } = await bench.reporter.report(new Error('work'), CONTEXT);
    expect(bench.lines.filter(({ level }) => level === 'fatal')).toMatchObject([{ record: { support_code } }]);
  });

  it('when the spool is full: said once a minute, counted each time', async () => {
    const bench = new FailureBench(directory(), { maxBytes: 4_096 });
    bench.store.ready = false;
    for (let n = 0; n < 10; n += 1) await bench.reporter.report(new Error('work'), CONTEXT);
    expect(bench.lines.filter((line) => line['reason'] === 'SPOOL_OVERFLOW')).toHaveLength(1);
    expect(await bench.counted('SPOOL_OVERFLOW')).toBeGreaterThan(1);
  });

  it('for an error that throws when it is looked at', async () => {
    const bench = new FailureBench(directory());
    const hostile = new Proxy(new Error('hostile'), {
      get: () => {
        throw new RangeError('do not touch');
      },
    });
    const failure = await bench.reporter.report(hostile, CONTEXT);
    expect(failure.error.reason).toBe('INTERNAL_ERROR');
    expect(bench.store.records.get(failure.support_code)?.root_cause).toContain('do not touch');
  });
});

describe('ingestion', () => {
  it('loses only the record that the database cannot take, and shows that one in the log', async () => {
    const bench = new FailureBench(directory());
    bench.store.ready = false;
    const codes: string[] = [];
    for (const user_id of ['alice', 'bad', 'bob']) {
      codes.push((await bench.reporter.report(new Error('work'), { operation: 'test', user_id })).support_code);
    }
    bench.store.ready = true;
    bench.store.answer = async (records) => {
      if (records.some((record) => record.user_id === 'bad'))
        throw Object.assign(new Error('bad row'), { code: '22021' });
    };
    await bench.archive.ingest();
    expect([...bench.store.records.keys()]).toEqual([codes[0], codes[2]]);
    expect(bench.lines.filter((line) => line.level === 'fatal')).toMatchObject([
      { record: { support_code: codes[1] } },
    ]);
  });

  it('keeps all records while the database fails for another cause', async () => {
    const bench = new FailureBench(directory());
    bench.store.ready = false;
    const { support_code } = await bench.reporter.report(new Error('work'), CONTEXT);
    bench.store.ready = true;
    bench.store.answer = () => Promise.reject(new Error('Cannot use a pool after calling end on the pool'));
    await expect(bench.archive.ingest()).rejects.toThrow('Cannot use a pool');
    expect(await bench.spool.find(support_code)).toMatchObject({ support_code });
  });
});

describe('what clients cause in masses', () => {
  const refusal = () => ComponentError.authentication('AUTH_TOKEN_MISSING');
  const stranger = { operation: 'handshake', source: '203.0.113.7' };

  it('gets 20 records a minute and source, then one that counts, with its code for everybody', async () => {
    const bench = new FailureBench(directory());
    const failures = [];
    for (let n = 0; n < 100; n += 1) failures.push(await bench.reporter.report(refusal(), stranger));
    const codes = new Set(failures.map((failure) => failure.support_code));
    expect(codes.size).toBe(21);
    expect(new Set(bench.store.records.keys())).toEqual(codes);
    expect(bench.lines).toHaveLength(21);
    expect(await bench.counted('AUTH_TOKEN_MISSING')).toBe(100);

    await bench.reporter.closeAggregates(FAR_FUTURE);
    const shared = failures[99]!.support_code;
    expect(bench.store.records.get(shared)).toMatchObject({ count: 80, source: stranger.source, user_id: null });
    expect(bench.lines.slice(21)).toMatchObject([{ support_code: shared, count: 80 }]);
  });

  it('never shares the ids of one user with another behind the same address', async () => {
    const bench = new FailureBench(directory());
    const failures = [];
    for (let n = 0; n < 30; n += 1) {
      failures.push(await bench.reporter.report(refusal(), { ...stranger, user_id: `user${n}` }));
    }
    expect(failures.map((failure) => failure.error.user_id)).toEqual(failures.map((_, n) => `user${n}`));
    expect(bench.store.records.get(failures[29]!.support_code)?.user_id).toBeNull();
  });

  it('is recorded one by one where a user is owed a notification', async () => {
    const bench = new FailureBench(directory());
    const context = { operation: 'test', user_id: 'alice', source: '203.0.113.7', notify: true };
    for (let n = 0; n < 30; n += 1) await bench.reporter.report(refusal(), context);
    expect(bench.store.records.size).toBe(30);
  });
});
