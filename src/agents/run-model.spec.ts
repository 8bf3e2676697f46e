import fc from 'fast-check';
import { ATTEMPT_EVENTS, TERMINAL_EVENTS, type AgentDelta, type DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { drillWords } from '../../test/support/chat-client';
import { Engine } from '../../test/support/engine';
import { UserBus } from '../mailbox';
import { RunEnding, RunExecutor, RunStore } from '.';

const MAX_TOKENS = 30;
const WORDS = drillWords(MAX_TOKENS);
const ENV = {
  RUN_MAX_ATTEMPTS: '6',
  RUN_STALL_TIMEOUT_MS: '80',
  RUN_FIRST_OUTPUT_TIMEOUT_MS: '80',
  TOOL_TIMEOUT_MS: '80',
  RUNS_PER_USER: '50',
  WORKER_DEAD_AFTER_MS: '1000',
};

const request = fc
  .record({
    tokens: fc.integer({ min: 1, max: MAX_TOKENS }),
    per_second: fc.constantFrom(0, 200, 1_000),
    words_per_step: fc.constantFrom(0, 4, 7),
    think: fc.constant(1),
    tools: fc.integer({ min: 1, max: 2 }),
    idempotent: fc.boolean(),
    fail: fc.option(
      fc.record({
        kind: fc.constantFrom('throw', 'provider', 'tool', 'hang'),
        phase: fc.constantFrom('think', 'tool', 'text'),
        at_token: fc.nat(MAX_TOKENS),
        on_attempts: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
      }),
      { nil: undefined },
    ),
  })
  .map(({ fail, ...rest }) => ({ ...rest, fail: fail && { ...fail, at_token: Math.min(fail.at_token, rest.tokens) } }));

/** What happens to a run from outside. `lose` takes its lease away while its worker goes on, a ghost; `hand_over` is what a stopping process does. */
const fault = fc.record({
  kind: fc.constantFrom('lose', 'hand_over', 'cancel', 'deliver', 'deliver'),
  engine: fc.constantFrom(0, 1),
  afterMs: fc.integer({ min: 0, max: 150 }),
});

interface Story {
  request: { tokens: number };
  faults: { kind: string; engine: number; afterMs: number }[];
}

const story: fc.Arbitrary<Story> = fc.record({ request, faults: fc.array(fault, { maxLength: 4 }) });

describe('a run, whatever happens to it and in whatever order', () => {
  let test: TestDatabase;
  let engines: [Engine, Engine];
  let sent = 0;

  beforeEach(async () => {
    test = await createTestDatabase();
    engines = [await Engine.start(test.url, { env: ENV }), await Engine.start(test.url, { env: ENV })];
  });

  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await test.drop();
  });

  const befall = async (runId: string, user: string, { kind, engine: at, afterMs }: Story['faults'][number]) => {
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    const engine = engines[at === 0 ? 0 : 1];
    switch (kind) {
      case 'lose':
      case 'hand_over': {
        const more = kind === 'lose' ? '' : `, status = 'queued', max_attempts = max_attempts + 1`;
        const text = `UPDATE runs SET worker_id = NULL, dispatched_at = NULL${more} WHERE id = $1 AND status = 'running'`;
        await engine.database.query(text, [runId]);
        return;
      }
      case 'cancel':
        await engine.app.get(RunEnding).cancel(user, runId);
        return;
      default:
        await engine.app.get(RunExecutor).execute(runId);
    }
  };

  /** Lives a story to its end: the run's events, and every delta that any process has sent of it. */
  const live = async ({ request: asked, faults }: Story) => {
    const user = `user-${(sent += 1)}`;
    const deltas: AgentDelta[] = [];
    const hearing = engines.map((engine) =>
      engine.app.get(UserBus).subscribe(user, (signal) => signal.kind === 'delta' && deltas.push(signal.delta)),
    );
    const { run_id } = await engines[0].drill(user, 'm1', asked);
    await Promise.all(faults.map((one) => befall(run_id, user, one)));
    await engines[1].untilEnded(user, run_id);
    for (const subscription of hearing) subscription.end();
    const events = (await engines[0].events(user)).filter(({ type }) => type !== 'notification');
    const view = await engines[0].app.get(RunStore).view(user, run_id);
    return { run_id, tokens: asked.tokens, events, deltas, view };
  };

  it('ends in one terminal event, and its answer is one text from first to last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(story, { minLength: 4, maxLength: 8 }), async (stories) => {
        for (const { tokens, events, deltas, view } of await Promise.all(stories.map(live))) {
          checkEvents(events);
          checkText(events, deltas, tokens);
          const end = events.at(-1);
          expect(end?.type).toBe(`agent_${view?.status}`);
          expect(view?.text).toBe((end?.data as { content: string }).content);
        }
        expect(await engines[0].database.query('SELECT run_id FROM run_text')).toEqual([]);
      }),
      { numRuns: 6, endOnFailure: true },
    );
    const defects = await engines[0].database.query(
      `SELECT reason, operation, root_cause FROM error_records WHERE reason LIKE 'DATABASE%' OR reason IN ('INTERNAL_ERROR', 'AGENT_REPLAY_DIVERGED')`,
    );
    expect(defects).toEqual([]);
  }, 120_000);
});

/** Gapless, one end and that last, attempts that each begin once and count up by one. */
function checkEvents(events: readonly DurableEvent[]): void {
  expect(events.filter(({ type }) => TERMINAL_EVENTS.has(type))).toHaveLength(1);
  expect(TERMINAL_EVENTS.has(events.at(-1)!.type)).toBe(true);
  const begun = events.filter(({ type }) => ATTEMPT_EVENTS.has(type)).map(({ attempt }) => attempt);
  expect(begun).toEqual(begun.map((_, index) => index + 1));
  const attempts = events.flatMap(({ attempt }) => attempt ?? []);
  expect(attempts).toEqual([...attempts].sort((a, b) => a - b));
}

/** Every piece stands where the words have it, none before what its attempt has kept, and the end is a beginning of the words. */
function checkText(events: readonly DurableEvent[], deltas: readonly AgentDelta[], tokens: number): void {
  const kept = new Map(
    events
      .filter(({ type }) => ATTEMPT_EVENTS.has(type))
      .map(({ attempt, data }) => [attempt, (data as { keep_index?: number }).keep_index ?? 0]),
  );
  for (const { attempt, index, text } of deltas) {
    expect(WORDS.slice(index, index + text.length)).toBe(text);
    expect(index).toBeGreaterThanOrEqual(kept.get(attempt) ?? Infinity);
  }
  const { type, data } = events.at(-1)!;
  const { content } = data as { content: string };
  expect(WORDS.startsWith(content)).toBe(true);
  if (type === 'agent_completed') expect(content).toBe(drillWords(tokens));
}
