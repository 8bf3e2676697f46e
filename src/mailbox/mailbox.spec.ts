import fc from 'fast-check';
import type { Cursor, DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Database } from '../persistence';
import { MailboxStore, PositionsStore, type NewEvent, type ResumePoint, type UserSignal } from '.';
import { UserBus, type UserSubscription } from './user-bus';

const OPTIONS = { poolSize: 8, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 };

/** Keeps what every user was told, one entry a transaction. */
class Recorder extends UserBus {
  readonly told = new Map<string, (readonly DurableEvent[])[]>();

  override publish(userId: string, signal: UserSignal): void {
    if (signal.kind === 'events') this.told.set(userId, [...(this.told.get(userId) ?? []), signal.events]);
  }

  override subscribe(): UserSubscription {
    return { ready: Promise.resolve(), end: () => undefined };
  }

  override async echo(): Promise<void> {}
}

const progress = (message: string): NewEvent => ({ type: 'agent_progress', data: { progress: 0.5, message } });
const textsOf = (events: readonly DurableEvent[]) =>
  JSON.stringify(events.map(({ data }) => (data as { message: string }).message));

describe('the mailbox', () => {
  let test: TestDatabase;
  let database: Database;
  let bus: Recorder;
  let mailbox: MailboxStore;
  let positions: PositionsStore;
  let users = 0;
  const newUser = () => `user-${(users += 1)}`;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = new Database(OPTIONS);
    database.connect(test.url);
    database.markOpened();
  });

  beforeEach(() => {
    bus = new Recorder();
    mailbox = new MailboxStore(database, bus);
    positions = new PositionsStore(database);
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const append = (user: string, texts: readonly string[], fails = false) =>
    database.transaction(async (tx) => {
      await mailbox.append(tx, user, texts.map(progress));
      if (fails) throw new RangeError('taken back');
    });

  describe('appending and reading', () => {
    const batches = fc.array(
      fc.record({
        user: fc.nat(2),
        texts: fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        fails: fc.boolean(),
      }),
      { maxLength: 12 },
    );

    it('gives each user one gapless order, of exactly what was committed, whoever writes at the same time', async () => {
      await fc.assert(
        fc.asyncProperty(batches, async (writes) => {
          const names = [newUser(), newUser(), newUser()];
          const nameOf = (user: number) => names[user] ?? '';
          const outcomes = await Promise.allSettled(
            writes.map(({ user, texts, fails }) => append(nameOf(user), texts, fails)),
          );
          for (const [at, name] of names.entries()) {
            const log = await mailbox.readAfter(name, 0, 1_000);
            expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
            expect(new Set(log.map(({ epoch }) => epoch)).size).toBeLessThanOrEqual(1);
            const batches = [...(bus.told.get(name) ?? [])].sort(([a], [b]) => a!.seq - b!.seq);
            expect(batches.flat()).toEqual(log);
            // What is appended together stands together, and is what was committed.
            const committed = writes.filter(({ user, fails }) => user === at && !fails);
            expect(batches.map(textsOf).sort()).toEqual(committed.map(({ texts }) => JSON.stringify(texts)).sort());
          }
          expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(writes.map(({ fails }) => fails));
        }),
        { numRuns: 40 },
      );
    });

    it('reads what was appended, whatever users and paths are called and events carry', async () => {
      const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.includes('\0'));
      const events = fc.array(
        fc.record({
          type: fc.constantFrom('tool_executing', 'agent_retrying'),
          run_id: fc.option(fc.uuid()),
          thread_id: fc.option(fc.uuid()),
          attempt: fc.option(fc.nat(9)),
          path: fc.option(text),
          data: fc.dictionary(text, fc.oneof(text, fc.double({ noDefaultInfinity: true, noNaN: true }), fc.boolean()), {
            noNullPrototype: true,
          }),
        }),
        { minLength: 1, maxLength: 5 },
      );
      await fc.assert(
        fc.asyncProperty(text, events, async (name, given) => {
          const user = `${newUser()} ${name}`;
          const stored = await database.transaction((tx) => mailbox.append(tx, user, given as unknown as NewEvent[]));
          const read = await mailbox.readAfter(user, 0, 10);
          expect(read).toEqual(JSON.parse(JSON.stringify(stored)));
          expect(read.map((event) => Object.keys(event))).toEqual(stored.map((event) => Object.keys(event)));
        }),
        { numRuns: 60 },
      );
    });

    it('reads any page as a part of the whole', async () => {
      const user = newUser();
      await append(
        user,
        Array.from({ length: 20 }, (_, index) => `${index}`),
      );
      const whole = await mailbox.readAfter(user, 0, 100);
      await fc.assert(
        fc.asyncProperty(fc.nat(25), fc.integer({ min: 1, max: 25 }), async (after, limit) => {
          expect(await mailbox.readAfter(user, after, limit)).toEqual(whole.slice(after, after + limit));
        }),
        { numRuns: 40 },
      );
    });

    it('never shows a gap to a reader who follows while others write', async () => {
      const user = newUser();
      let writing = true;
      const read: number[] = [];
      const follow = async () => {
        for (let last = false; !last;) {
          last = !writing;
          const page = await mailbox.readAfter(user, read.at(-1) ?? 0, 7);
          read.push(...page.map(({ seq }) => seq));
        }
      };
      const reader = follow();
      await Promise.all(
        Array.from({ length: 6 }, async (_, writer) => {
          for (let round = 0; round < 20; round += 1) await append(user, [`${writer}`, `${round}`], round % 5 === 4);
        }).map((work) => work.catch((error: unknown) => expect(error).toBeInstanceOf(RangeError))),
      );
      writing = false;
      await reader;
      const rest = await mailbox.readAfter(user, read.at(-1) ?? 0, 1_000);
      expect([...read, ...rest.map(({ seq }) => seq)]).toEqual(
        (await mailbox.readAfter(user, 0, 1_000)).map(({ seq }) => seq),
      );
      expect(read).toEqual(read.map((_, index) => index + 1));
    });

    it('gives every mailbox an epoch of its own, which stays', async () => {
      const names = Array.from({ length: 20 }, newUser);
      await Promise.all(names.flatMap((name) => [mailbox.open(name), append(name, ['a']), mailbox.open(name)]));
      const states = await Promise.all(names.map((name) => mailbox.state(database, name)));
      expect(new Set(states.map(({ epoch }) => epoch)).size).toBe(names.length);
      for (const { epoch, head } of states) {
        expect(epoch).toMatch(/^[A-Za-z0-9]{8,32}$/);
        expect(head).toBe(1);
      }
    });

    it('tells again of the newest event on request', async () => {
      const user = newUser();
      await append(user, ['a', 'b']);
      bus.told.clear();
      await mailbox.announce(user);
      expect(bus.told.get(user)).toEqual([await mailbox.readAfter(user, 1, 10)]);
    });
  });

  describe('positions', () => {
    const resumeOf = async (user_id: string, device_id: string, cursor: Cursor | null = null) => {
      const [found] = await positions.resume(database, [{ user_id, device_id, cursor }]);
      return found?.resume as ResumePoint;
    };

    it('of many devices move together, and those of a user without mailbox not at all', async () => {
      const users = Array.from({ length: 20 }, newUser);
      await mailbox.open(...users, ...users);
      for (const user of users) await append(user, ['a', 'b', 'c']);
      const nobody = newUser();
      const moves = users.flatMap((user, at) => [
        positions.advance(user, 'a', at % 4),
        positions.advance(user, 'b', 9),
      ]);
      await Promise.all([...moves, positions.advance(nobody, 'a', 1)]);
      const points = await positions.resume(
        database,
        [...users, nobody].map((user_id) => ({ user_id, device_id: 'a', cursor: null })),
      );
      expect(points.map((point) => point?.resume.from_seq)).toEqual([...users.map((_, at) => at % 4), undefined]);
      expect(await resumeOf(users[0] as string, 'c')).toMatchObject({
        from_seq: 3,
        resume: 'new',
        position: 'absent',
      });
    });

    it('need not be written again when they are where they were', async () => {
      const user = newUser();
      await append(user, ['a', 'b', 'c']);
      const { epoch } = await mailbox.state(database, user);
      const at = (seq: number) => resumeOf(user, 'phone', { epoch, seq });
      expect(await at(2)).toMatchObject({ position: 'absent' });
      await positions.advance(user, 'phone', 2);
      const places = [await at(1), await at(2), await at(3)].map(({ position }) => position);
      expect(places).toEqual(['kept', 'kept', 'behind']);
    });

    it('move forward only, never beyond the head, in whatever order they are reported', async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(6), fc.array(fc.nat(9), { minLength: 1, maxLength: 8 }), async (head, reported) => {
          const user = newUser();
          await mailbox.open(user);
          if (head > 0)
            await append(
              user,
              Array.from({ length: head }, () => 'x'),
            );
          await Promise.all(reported.map((position) => positions.advance(user, 'phone', position)));
          const { from_seq, resume } = await resumeOf(user, 'phone');
          expect({ from_seq, resume }).toEqual({ from_seq: Math.min(head, Math.max(...reported)), resume: 'position' });
        }),
        { numRuns: 30 },
      );
    });

    const place = fc.option(fc.nat(8), { nil: null });

    it('resume as PROTOCOL.md section 1 says, for every state of mailbox, devices and cursor', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            head: fc.nat(6),
            trimmed: fc.nat(6),
            own: place,
            other: place,
            cursor: place,
            foreign: fc.boolean(),
          }),
          async ({ head, trimmed, own, other, cursor, foreign }) => {
            const user = newUser();
            await mailbox.open(user);
            const trimmed_to = Math.min(trimmed, head);
            await database.query('UPDATE mailboxes SET head = $2, trimmed_to = $3 WHERE user_id = $1', [
              user,
              head,
              trimmed_to,
            ]);
            if (own !== null) await positions.advance(user, 'own', own);
            if (other !== null) await positions.advance(user, 'other', other);
            const { epoch } = await mailbox.state(database, user);
            const given = cursor === null ? null : { epoch: foreign ? 'AnotherEpoch' : epoch, seq: cursor };
            const { from_seq, resume, missed } = await resumeOf(user, 'own', given);
            expect({ from_seq, resume, missed }).toEqual(model({ head, trimmed_to, own, other, cursor, foreign }));
            expect(from_seq).toBeLessThanOrEqual(head);
            expect(from_seq).toBeGreaterThanOrEqual(trimmed_to);
          },
        ),
        { numRuns: 150 },
      );
    });

    it('of numbers that are gone count as the head', async () => {
      const user = newUser();
      await append(user, ['a', 'b', 'c']);
      await positions.advance(user, 'phone', 3);
      await database.query('UPDATE mailboxes SET head = 1 WHERE user_id = $1', [user]);
      expect(await resumeOf(user, 'phone')).toMatchObject({ from_seq: 1, resume: 'position' });
      expect(await resumeOf(user, 'tablet')).toMatchObject({ from_seq: 1, resume: 'new' });
    });
  });
});

interface Case {
  head: number;
  trimmed_to: number;
  own: number | null;
  other: number | null;
  cursor: number | null;
  foreign: boolean;
}

/** The table of PROTOCOL.md section 1, written a second time. */
function model({ head, trimmed_to, own, other, cursor, foreign }: Case) {
  const reset = (missed: { missed_from: number | null; missed_to: number | null }) => ({
    from_seq: trimmed_to,
    resume: 'reset',
    missed,
  });
  if (cursor !== null && (foreign || cursor > head)) return reset({ missed_from: null, missed_to: null });
  const stored = own ?? other ?? 0;
  const wanted = cursor ?? Math.min(stored, head);
  if (wanted < trimmed_to) return reset({ missed_from: wanted + 1, missed_to: trimmed_to });
  return { from_seq: wanted, resume: cursor !== null ? 'cursor' : own !== null ? 'position' : 'new', missed: null };
}
