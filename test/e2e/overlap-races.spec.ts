import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { drillWords } from '../support/chat-client';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { Engine } from '../support/engine';
import { RunEnding } from '../../src/agents';
import type { Accepted } from '../../src/agents/accepting';
import type { ComponentError } from '../../src/errors';

const AT_ONCE = 24;
const TOKENS = 3;
/** Begins its answer, and would never end it. */
const HANGS = { tokens: 5, per_second: 0, fail: { kind: 'hang', at_token: TOKENS } };

describe('messages that come to one thread at the same moment, through two processes', () => {
  let test: TestDatabase;
  let engines: [Engine, Engine];

  beforeEach(async () => {
    test = await createTestDatabase();
    // A busy machine is no race.
    const env = { DATABASE_STATEMENT_TIMEOUT_MS: '10000' };
    engines = [await Engine.start(test.url, { env }), await Engine.start(test.url, { env })];
  });

  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await test.drop();
  });

  /** A thread whose only run has ended. */
  const idleThread = async (user: string) => {
    const { thread_id, run_id } = await engines[0].drill(user, 'first', { tokens: 1, per_second: 0 });
    await engines[0].untilEnded(user, run_id);
    return thread_id;
  };

  const send = async (user: string, name: string, more: object) => {
    const sent = Array.from({ length: AT_ONCE }, (_, at) =>
      engines[at % 2 === 0 ? 0 : 1].drill(user, `${name}-${at}`, HANGS, more),
    );
    const outcomes = await Promise.allSettled(sent);
    return {
      accepted: outcomes.flatMap((outcome): Accepted[] => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
      refused: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as ComponentError] : [])),
    };
  };

  const of = async (user: string, runId: string) =>
    (await engines[0].events(user)).filter(({ run_id }) => run_id === runId);

  const defects = () =>
    engines[0].database.query(
      `SELECT reason FROM error_records WHERE reason LIKE 'DATABASE%' OR reason = 'INTERNAL_ERROR'`,
    );

  it('with `reject`: one is accepted while nothing runs, all others are told which run is in their way', async () => {
    const thread_id = await idleThread('ann');
    for (const round of [1, 2, 3]) {
      const { accepted, refused } = await send('ann', `round-${round}`, { thread_id, overlap: 'reject' });
      expect(accepted).toHaveLength(1);
      const { run_id } = accepted[0]!;
      expect(refused.map(({ reason, details }) => [reason, details])).toEqual(
        Array.from({ length: AT_ONCE - 1 }, () => ['RUN_CONFLICT', { active_run_id: run_id }]),
      );
      await engines[1].app.get(RunEnding).cancel('ann', run_id);
      expect(ends(await of('ann', run_id))).toEqual(['agent_cancelled']);
    }
    // What was refused has left nothing: the first run and one of each round.
    const rows = 'SELECT (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM messages) AS messages';
    expect(await engines[0].database.query(rows)).toEqual([{ runs: 4, messages: 5 }]);
    expect(await defects()).toEqual([]);
  });

  it('with `reject`: none is accepted while a run is under way, which goes on undisturbed', async () => {
    const thread_id = await idleThread('bob');
    const slow = { tokens: 40, per_second: 40 };
    const { run_id } = await engines[0].drill('bob', 'slow', slow, { thread_id });
    const { accepted, refused } = await send('bob', 'late', { thread_id, overlap: 'reject' });
    expect(accepted).toEqual([]);
    expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['RUN_CONFLICT']));
    await engines[0].untilEnded('bob', run_id);
    expect((await of('bob', run_id)).at(-1)).toMatchObject({
      type: 'agent_completed',
      data: { content: drillWords(40) },
    });
  });

  it('with `interrupt`: all are accepted, every one but the last is cancelled once, and the last runs on alone', async () => {
    const thread_id = await idleThread('eve');
    const { run_id: before } = await engines[1].drill('eve', 'before', HANGS, { thread_id });
    const { accepted, refused } = await send('eve', 'm', { thread_id, overlap: 'interrupt' });
    expect(refused).toEqual([]);
    const [last] = await engines[0].database.query<{ id: string }>(
      'SELECT id FROM runs WHERE thread_id = $1 ORDER BY ordinal DESC LIMIT 1',
      [thread_id],
    );
    for (const run of [before, ...accepted.map(({ run_id }) => run_id)].filter((run) => run !== last?.id))
      expect(ends(await of('eve', run))).toEqual(['agent_cancelled']);
    const cancelled = (await engines[0].events('eve')).filter(({ type }) => type === 'agent_cancelled');
    expect(cancelled).toHaveLength(AT_ONCE);
    for (const { data } of cancelled) expect(cancelOf(data)).toEqual({ by: 'interrupt', whole: true });
    expect(ends(await of('eve', last?.id ?? ''))).toEqual([]);
    await engines[0].app.get(RunEnding).cancel('eve', last?.id ?? '');
    await engines[0].untilEnded('eve', last?.id ?? '');
    expectOneAtATime(await engines[0].events('eve'));
    expect(await defects()).toEqual([]);
  });

  it('with `interrupt` and `reject` mixed: nothing stays that a later one has interrupted, and each ends once', async () => {
    const thread_id = await idleThread('kay');
    const [interrupting, rejecting] = await Promise.all([
      send('kay', 'i', { thread_id, overlap: 'interrupt' }),
      send('kay', 'r', { thread_id, overlap: 'reject' }),
    ]);
    expect(interrupting.refused).toEqual([]);
    expect(new Set([...rejecting.refused.map(({ reason }) => reason), 'RUN_CONFLICT'])).toEqual(
      new Set(['RUN_CONFLICT']),
    );
    const runs = [...interrupting.accepted, ...rejecting.accepted].map(({ run_id }) => run_id);
    const active = await engines[0].database.query<{ id: string }>('SELECT id FROM runs WHERE finished_at IS NULL');
    expect(active).toHaveLength(1);
    for (const { id } of active) await engines[0].app.get(RunEnding).cancel('kay', id);
    for (const run of runs) expect(ends(await of('kay', run))).toEqual(['agent_cancelled']);
    expectOneAtATime(await engines[0].events('kay'));
  });
});

/** The terminal events among those of one run; what follows the first of them shows as well. */
function ends(events: readonly DurableEvent[]): string[] {
  const first = events.findIndex(({ type }) => TERMINAL_EVENTS.has(type));
  return first < 0 ? [] : events.slice(first).map(({ type }) => type);
}

/** Why it was cancelled, and whether what it had written is a beginning of the words. */
function cancelOf(data: object): { by: unknown; whole: boolean } {
  const { by, content } = data as { by: unknown; content: string };
  return { by, whole: drillWords(TOKENS).startsWith(content) };
}

/** Gapless, and no run of the thread begins before the one under way has ended. */
function expectOneAtATime(events: readonly DurableEvent[]): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  let under: string | null = null;
  for (const { type, run_id } of events) {
    if (type === 'agent_started') {
      expect(under).toBeNull();
      under = run_id;
    } else if (TERMINAL_EVENTS.has(type) && under === run_id) {
      under = null;
    }
  }
}
