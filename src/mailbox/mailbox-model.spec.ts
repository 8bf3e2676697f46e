import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import type { FailureReporter } from '../errors';
import { Database } from '../persistence';
import { MailboxStore, PositionsStore, type NewEvent } from '.';
import { InProcessBus } from './in-process-bus';
import { RetentionStore } from './retention.store';

const DEVICES = ['phone', 'laptop', 'tablet'] as const;
const YEARS = 10_000;

/** The mailbox of PROTOCOL.md in memory: `log` holds what was ever appended, the first `trimmed` of which are gone. */
interface Model {
  readonly log: string[];
  trimmed: number;
  readonly read: Map<string, number>;
}

const device = fc.constantFrom(...DEVICES);
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('take back' as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), device, upTo: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('trim' as const), keep: fc.nat(12), limit: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      after: fc.nat(40),
      limit: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('return' as const), device, cursor: fc.option(fc.nat(40), { nil: null }) }),
  },
);
type Act = typeof act extends fc.Arbitrary<infer A> ? A : never;

describe('a mailbox, whatever is done to it in whatever order,', () => {
  let test: TestDatabase;
  let database: Database;
  let mailbox: MailboxStore;
  let positions: PositionsStore;
  let retention: RetentionStore;
  let users = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = new Database({ poolSize: 4, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 });
    database.connect(test.url);
    database.markOpened();
    mailbox = new MailboxStore(database, new InProcessBus({} as FailureReporter));
    positions = new PositionsStore(database);
    retention = new RetentionStore(database);
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const append = (user: string, texts: readonly string[], fails = false) =>
    database.transaction(async (tx) => {
      const events = texts.map((message): NewEvent => ({ type: 'agent_progress', data: { progress: 0, message } }));
      await mailbox.append(tx, user, events);
      if (fails) throw new RangeError('taken back');
    });

  async function perform(user: string, model: Model, next: Act): Promise<void> {
    const head = model.log.length;
    switch (next.do) {
      case 'append': {
        const texts = Array.from({ length: next.count }, (_, index) => `${head + index + 1}`);
        await append(user, texts);
        model.log.push(...texts);
        return;
      }
      case 'take back':
        return expect(append(user, Array<string>(next.count).fill('never'), true)).rejects.toThrow(RangeError);
      case 'acknowledge':
        await positions.advance(user, next.device, next.upTo);
        model.read.set(next.device, Math.max(model.read.get(next.device) ?? 0, Math.min(next.upTo, head)));
        return;
      case 'trim': {
        const gone = Math.min(Math.max(0, head - next.keep - model.trimmed), next.limit);
        expect(await retention.trim(user, { days: YEARS, maxEvents: next.keep }, next.limit)).toBe(gone);
        model.trimmed += gone;
        return;
      }
      case 'read': {
        const page = await mailbox.readAfter(user, next.after, next.limit);
        const from = Math.max(next.after, model.trimmed);
        expect(page.map(({ seq }) => seq)).toEqual(model.log.slice(from, from + next.limit).map(Number));
        expect(page.map(({ data }) => (data as { message: string }).message)).toEqual(
          model.log.slice(from, from + next.limit),
        );
        return;
      }
      case 'return':
        return expectResumes(user, model, next.device, next.cursor);
    }
  }

  async function expectResumes(user: string, model: Model, deviceId: string, cursor: number | null): Promise<void> {
    const { epoch, ...state } = await mailbox.state(database, user);
    expect(state).toEqual({ head: model.log.length, trimmed_to: model.trimmed });
    const given = cursor === null ? null : { epoch, seq: cursor };
    const [found] = await positions.resume(database, [{ user_id: user, device_id: deviceId, cursor: given }]);
    if (!found) throw new Error('the mailbox is open');
    const { from_seq, resume, missed } = found.resume;
    const known = cursor ?? model.read.get(deviceId) ?? Math.max(0, ...model.read.values());
    if (known > model.log.length) expect(missed).toEqual({ missed_from: null, missed_to: null });
    else if (known < model.trimmed) expect(missed).toEqual({ missed_from: known + 1, missed_to: model.trimmed });
    else expect([from_seq, missed]).toEqual([known, null]);
    expect(resume === 'reset').toBe(missed !== null);
    // Whatever is resumed from: the rest is all there, without a gap.
    const rest = await mailbox.readAfter(user, from_seq, 1_000);
    expect(rest.map(({ seq }) => seq)).toEqual(model.log.slice(from_seq).map(Number));
    expect(found.page.map((event) => JSON.parse(event.json(false)) as unknown)).toEqual(rest);
  }

  it('is what its model says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        const user = `user-${(users += 1)}`;
        const model: Model = { log: [], trimmed: 0, read: new Map() };
        await mailbox.open(user);
        for (const next of acts) await perform(user, model, next);
        await expectResumes(user, model, 'phone', null);
      }),
      { numRuns: 60 },
    );
  });

  it('is read in pages no longer than so many bytes, but for the last event, and never without one', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 60_000 }),
        async (lengths, maxBytes) => {
          const user = `user-${(users += 1)}`;
          await append(
            user,
            lengths.map((length) => 'x'.repeat(length)),
          );
          const read: number[] = [];
          while (read.length < lengths.length) {
            const page = await mailbox.readAfter(user, read.length, 100, maxBytes);
            const sizes = page.map(({ data }) => (data as { message: string }).message.length);
            expect(sizes.length).toBeGreaterThan(0);
            expect(sizes.slice(0, -1).reduce((sum, size) => sum + size, 0)).toBeLessThan(maxBytes);
            read.push(...sizes);
          }
          expect(read).toEqual(lengths);
        },
      ),
      { numRuns: 30 },
    );
  });
});
