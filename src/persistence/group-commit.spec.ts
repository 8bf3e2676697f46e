import fc from 'fast-check';
import { GroupCommit, type GroupCommitOptions } from './group-commit';

class Outage extends Error {}

function groupOf(overrides: Partial<GroupCommitOptions<number, string>> = {}) {
  const batches: number[][] = [];
  const group = new GroupCommit<number, string>({
    writeAll: (items) => {
      batches.push([...items]);
      return Promise.resolve(items.map((item) => ({ ok: true, value: `batched ${item}` })));
    },
    writeOne: (item) => Promise.resolve(`alone ${item}`),
    isOutage: (error) => error instanceof Outage,
    maxBatch: 4,
    lanes: 1,
    maxWaiting: 100,
    ...overrides,
  });
  return { group, batches };
}

describe('GroupCommit', () => {
  it('writes what arrives together in batches, and gives everyone their own outcome', async () => {
    const { group, batches } = groupOf();
    const outcomes = await Promise.all([1, 2, 3, 4, 5].map((item) => group.submit(item)));
    expect(outcomes).toEqual([1, 2, 3, 4, 5].map((item) => `batched ${item}`));
    expect(batches).toEqual([[1, 2, 3, 4], [5]]);
  });

  it('keeps an item that is refused from failing its neighbours', async () => {
    const { group } = groupOf({
      writeAll: (items) =>
        Promise.resolve(
          items.map((item) => (item === 2 ? { ok: false, error: new RangeError() } : { ok: true, value: `${item}` })),
        ),
    });
    const settled = await Promise.allSettled([1, 2, 3].map((item) => group.submit(item)));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('writes one by one after a batch that failed, so that a bad item fails alone', async () => {
    const { group } = groupOf({
      writeAll: () => Promise.reject(new RangeError('somewhere in the batch')),
      writeOne: (item) => (item === 2 ? Promise.reject(new RangeError('it was 2')) : Promise.resolve(`alone ${item}`)),
    });
    const [first, second, third] = await Promise.allSettled([1, 2, 3].map((item) => group.submit(item)));
    expect(first).toMatchObject({ value: 'alone 1' });
    expect(second).toMatchObject({ reason: new RangeError('it was 2') });
    expect(third).toMatchObject({ value: 'alone 3' });
  });

  it('gives an item that was alone in its batch the same second chance', async () => {
    const { group } = groupOf({ writeAll: () => Promise.reject(new RangeError('lost a race')) });
    await expect(group.submit(1)).resolves.toBe('alone 1');
  });

  it('tells all callers of an outage at once, and repeats nothing', async () => {
    let alone = 0;
    const { group } = groupOf({
      writeAll: () => Promise.reject(new Outage()),
      writeOne: () => Promise.resolve(`${(alone += 1)}`),
    });
    const settled = await Promise.allSettled([1, 2, 3].map((item) => group.submit(item)));
    expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
    expect(alone).toBe(0);
  });

  it('refuses more than may wait, with a retryable answer', async () => {
    const gate = Promise.withResolvers<void>();
    const { group } = groupOf({
      maxWaiting: 2,
      writeAll: async (items) => {
        await gate.promise;
        return items.map((item) => ({ ok: true, value: `${item}` }));
      },
    });
    const first = group.submit(1);
    await new Promise((resolve) => setImmediate(resolve));
    const waiting = [group.submit(2), group.submit(3)];
    await expect(group.submit(4)).rejects.toMatchObject({ reason: 'DATABASE_CAPACITY' });
    gate.resolve();
    await Promise.all([first, ...waiting]);
  });

  it('lets those that come after a batch gather, until they fill one', async () => {
    const { group, batches } = groupOf({ gatherMs: 10_000 });
    expect(await group.submit(1)).toBe('batched 1');
    const gathered = [];
    for (const item of [2, 3, 4, 5]) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(batches).toEqual([[1]]);
      gathered.push(group.submit(item));
    }
    await Promise.all(gathered);
    expect(batches).toEqual([[1], [2, 3, 4, 5]]);
  });

  it('keeps nobody longer than it gathers, and somebody alone not at all', async () => {
    const { group, batches } = groupOf({ gatherMs: 20 });
    await group.submit(1);
    const begun = performance.now();
    await Promise.all([group.submit(2), group.submit(3)]);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(15);
    expect(batches).toEqual([[1], [2, 3]]);
  });

  it.each([
    [true, [[1], [2, 3, 4, 5], [6]]],
    [false, [[1], [2], [3, 4, 5, 6]]],
  ])(
    'begins another batch beside one under way only where it is full, if it is patient: %s',
    async (patient, found) => {
      const batches: number[][] = [];
      const gate = Promise.withResolvers<void>();
      const { group } = groupOf({
        lanes: 2,
        patient,
        writeAll: async (items) => {
          batches.push([...items]);
          await gate.promise;
          return items.map((item) => ({ ok: true, value: String(item) }));
        },
      });
      const submitted: Promise<string>[] = [];
      for (const item of [1, 2, 3, 4, 5, 6]) {
        submitted.push(group.submit(item));
        await new Promise((resolve) => setImmediate(resolve));
      }
      gate.resolve();
      await Promise.all(submitted);
      expect(batches).toEqual(found);
    },
  );

  it('never runs more batches at once than it has lanes, loses nothing and keeps the order within a batch', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
        async (lanes, pauses) => {
          let busy = 0;
          let most = 0;
          const { group } = groupOf({
            lanes,
            writeAll: async (items) => {
              most = Math.max(most, (busy += 1));
              await new Promise((resolve) => setImmediate(resolve));
              busy -= 1;
              return items.map((item) => ({ ok: true, value: `${item}` }));
            },
          });
          const submitted = [];
          for (const [item, pause] of pauses.entries()) {
            submitted.push(group.submit(item));
            if (pause === 0) await new Promise((resolve) => setImmediate(resolve));
          }
          expect(await Promise.all(submitted)).toEqual(pauses.map((_, item) => `${item}`));
          expect(most).toBeLessThanOrEqual(lanes);
        },
      ),
      { numRuns: 50 },
    );
  });
});
