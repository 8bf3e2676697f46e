import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { loadConfig } from '../config';
import type { FailureReporter } from '../errors';
import { Database } from '../persistence';
import { MailboxStore, PositionsStore, type NewEvent } from '.';
import { InProcessBus } from './in-process-bus';
import { MailboxRetention } from './mailbox-retention.task';
import { RetentionStore } from './retention.store';

const NOBODY = {} as FailureReporter;

describe('retention', () => {
  let test: TestDatabase;
  let database: Database;
  let mailbox: MailboxStore;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    test = await createTestDatabase();
    database = new Database({ poolSize: 8, connectTimeoutMs: 2_000, statementTimeoutMs: 5_000 });
    database.connect(test.url);
    database.markOpened();
    mailbox = new MailboxStore(database, new InProcessBus(NOBODY));
  });

  afterAll(async () => {
    await database.close();
    await test.drop();
  });

  const retention = (maxEvents: number, days = 30) => {
    const config = loadConfig({ MAILBOX_MAX_EVENTS: String(maxEvents), MAILBOX_RETENTION_DAYS: String(days) });
    const task = new MailboxRetention(new RetentionStore(database), config);
    return { trimAll: () => task.run(new AbortController().signal) };
  };

  async function filled(count: number, runId: string | null = null): Promise<string> {
    const user = randomUUID();
    const event: NewEvent = { type: 'agent_progress', data: { progress: 0, message: '' }, run_id: runId };
    await database.transaction((tx) => mailbox.append(tx, user, Array<NewEvent>(count).fill(event)));
    return user;
  }

  const seqsOf = async (user: string) => (await mailbox.readAfter(user, 0, 10_000)).map(({ seq }) => seq);
  const age = (user: string, upTo: number, days: number) =>
    database.query(
      `UPDATE mailbox_events SET created_at = now() - $3 * interval '1 day' WHERE user_id = $1 AND seq <= $2`,
      [user, upTo, days],
    );

  it('keeps the last so many events, and says up to where the rest is gone', async () => {
    const many = await filled(5_000);
    const few = await filled(10);
    await retention(20).trimAll();
    expect(await seqsOf(many)).toEqual(Array.from({ length: 20 }, (_, index) => 4_981 + index));
    expect(await mailbox.state(database, many)).toMatchObject({ head: 5_000, trimmed_to: 4_980 });
    expect(await mailbox.state(database, few)).toMatchObject({ head: 10, trimmed_to: 0 });
  });

  it('removes what is older than so many days', async () => {
    const user = await filled(10);
    await age(user, 4, 8);
    await retention(100, 9).trimAll();
    expect(await mailbox.state(database, user)).toMatchObject({ trimmed_to: 0 });
    await retention(100, 7).trimAll();
    expect(await seqsOf(user)).toEqual([5, 6, 7, 8, 9, 10]);
  });

  it('leaves the numbers as they are when nothing is left', async () => {
    const user = await filled(10);
    await age(user, 10, 8);
    await retention(100, 7).trimAll();
    expect(await mailbox.state(database, user)).toMatchObject({ head: 10, trimmed_to: 10 });
    const [next] = await database.transaction((tx) =>
      mailbox.append(tx, user, [{ type: 'agent_progress', data: { progress: 0, message: '' } }]),
    );
    expect(next?.seq).toBe(11);
  });

  it('never takes an event of a run that has not ended', async () => {
    const runId = randomUUID();
    const user = await filled(30, runId);
    await database.query(
      `INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts) VALUES ($1, $2, $1, $1, 'echo', 1)`,
      [runId, user],
    );
    await age(user, 30, 100);
    await retention(10).trimAll();
    expect(await seqsOf(user)).toHaveLength(30);
    await database.query(`UPDATE runs SET status = 'cancelled', finished_at = now() WHERE id = $1`, [runId]);
    await retention(10).trimAll();
    expect(await seqsOf(user)).toEqual([]);
  });

  it('is announced to a device that has missed something, and only to such', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 11, max: 40 }), fc.integer({ min: 0, max: 40 }), async (count, read) => {
        const user = await filled(count);
        const position = Math.min(read, count);
        const positions = new PositionsStore(database);
        await positions.advance(user, 'phone', position);
        await retention(10).trimAll();
        const trimmed = count - 10;
        const [found] = await positions.resume(database, [{ user_id: user, device_id: 'phone', cursor: null }]);
        expect(found?.resume).toMatchObject(
          position >= trimmed
            ? { resume: 'position', from_seq: position, missed: null }
            : { resume: 'reset', from_seq: trimmed, missed: { missed_from: position + 1, missed_to: trimmed } },
        );
      }),
      { numRuns: 20 },
    );
  });

  it('leaves no gap while events are appended by others', async () => {
    const user = await filled(3_000);
    const appending = Array.from({ length: 50 }, () =>
      database.transaction((tx) =>
        mailbox.append(tx, user, [{ type: 'agent_progress', data: { progress: 0, message: '' } }]),
      ),
    );
    await Promise.all([retention(10).trimAll(), retention(10).trimAll(), ...appending]);
    await retention(10).trimAll();
    expect(await seqsOf(user)).toEqual(Array.from({ length: 10 }, (_, index) => 3_041 + index));
  });
});
