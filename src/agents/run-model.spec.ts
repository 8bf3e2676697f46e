import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { ATTEMPT_EVENTS, TERMINAL_EVENTS, type AgentDelta, type DurableEvent } from '@clarion/protocol';

import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { drillWords } from '../../test/support/chat-client';
import { Engine } from '../../test/support/engine';
import { UserBus } from '../mailbox';
import { RunEnding, RunExecutor, RunQuestions, RunStore } from '.';
import { Agent } from './agent';
import type { Accepted } from './accepting';
import { DrillAgent } from './builtin/drill.agent';
import type { ComponentError } from '../errors';

const MAX_TOKENS = 30;
const WORDS = drillWords(MAX_TOKENS);
const NEXT_TOKENS = 3;
const ENV = {
  RUN_MAX_ATTEMPTS: '6',
  RUN_STALL_TIMEOUT_MS: '80',
  RUN_FIRST_OUTPUT_TIMEOUT_MS: '80',
  TOOL_TIMEOUT_MS: '80',
  RUNS_PER_USER: '50',
  WORKER_DEAD_AFTER_MS: '1000',
  // Nearly everything fails here: what is repeated is to be seen more often than what is not.
  RUN_RETRY_BUDGET_PERCENT: '200',
};

/** Soon leaves it to another, which writes the same words. */
@Agent({
  name: 'frail',
  description: 'drill that falls back to drill',
  continues: true,
  maxAttempts: 2,
  fallback: 'drill',
})
class FrailAgent extends DrillAgent {}

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
        // Absent: on every one.
        on_attempts: fc.option(fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), { nil: undefined }),
      }),
      { nil: undefined },
    ),
    ask: fc.option(fc.record({ prompt: fc.constant('Shall I go on?'), at_token: fc.nat(MAX_TOKENS) }), {
      nil: undefined,
    }),
  })
  .map(({ fail, ask, ...rest }) => ({ ...rest, fail: within(rest.tokens, fail), ask: within(rest.tokens, ask) }));

/**
 * What happens to a run from outside. `lose` takes its lease away while its worker goes on, a ghost; `hand_over` is what a stopping process does;
 * `interrupt` is another message to its thread.
 */
const fault = fc.record({
  kind: fc.constantFrom('lose', 'hand_over', 'cancel', 'interrupt', 'deliver', 'deliver'),
  engine: fc.constantFrom(0, 1),
  afterMs: fc.integer({ min: 0, max: 150 }),
});

interface Story {
  agent: string;
  request: { tokens: number };
  /** How long its user thinks about a question. */
  thinksMs: number;
  faults: { kind: string; engine: number; afterMs: number }[];
}

const story: fc.Arbitrary<Story> = fc.record({
  agent: fc.constantFrom('drill', 'frail'),
  request,
  thinksMs: fc.nat(60),
  faults: fc.array(fault, { maxLength: 4 }),
});

/** What a client gets that answers too late, and may. */
const CLOSED = 'INPUT_CLOSED';

/** Without these the stories have not told what they are there for. */
const EXPECTED = [
  'agent_retrying',
  'agent_recovering',
  'agent_fallback',
  'input_required',
  'input_resolved',
  'agent_completed',
  'agent_failed',
  'agent_cancelled',
];

describe('a run, whatever happens to it and in whatever order', () => {
  let test: TestDatabase;
  let engines: [Engine, Engine];
  let sends = 0;
  /** The types of all events, so that it shows what the stories are about. */
  const seen = new Set<string>();

  beforeEach(async () => {
    test = await createTestDatabase();
    const start = () => Engine.start(test.url, { env: ENV, agents: [FrailAgent] });
    engines = [await start(), await start()];
  });

  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop()));
    await test.drop();
  });

  const engineAt = (at: number) => engines[at === 0 ? 0 : 1];

  /** Gives the runs that come of it. */
  const befall = async (sent: Accepted, user: string, { kind, engine: at, afterMs }: Story['faults'][number]) => {
    await pause(afterMs);
    const engine = engineAt(at);
    const { run_id, thread_id } = sent;
    switch (kind) {
      case 'lose':
      case 'hand_over': {
        const more = kind === 'lose' ? '' : `, status = 'queued', max_attempts = max_attempts + 1`;
        const text = `UPDATE runs SET worker_id = NULL, dispatched_at = NULL${more} WHERE id = $1 AND status = 'running'`;
        await engine.database.query(text, [run_id]);
        return [];
      }
      case 'cancel':
        await engine.app.get(RunEnding).cancel(user, run_id);
        return [];
      case 'interrupt': {
        const more = { thread_id, overlap: 'interrupt' };
        return [await engine.drill(user, `i${(sends += 1)}`, { tokens: NEXT_TOKENS, per_second: 200 }, more)];
      }
      default:
        await engine.app.get(RunExecutor).execute(run_id);
        return [];
    }
  };

  /** The user answers every question, through both processes at once. */
  const answering = (user: string, thinksMs: number) => {
    const heard = new Set<string>();
    const answers: Promise<void>[] = [];
    const answer = async (engine: Engine, run_id: string, input_id: string): Promise<void> => {
      await pause(thinksMs);
      const submitting = engine.app.get(RunQuestions).submit(user, { run_id, input_id, value: 'yes' });
      const [outcome] = await Promise.allSettled([submitting]);
      if (outcome.status === 'rejected' && (outcome.reason as ComponentError).reason !== CLOSED) throw outcome.reason;
    };
    const hear = ({ type, run_id, data }: DurableEvent): void => {
      const { input_id = '' } = data as { input_id?: string };
      if (type !== 'input_required' || heard.has(input_id)) return;
      heard.add(input_id);
      answers.push(...engines.map((engine) => answer(engine, run_id ?? '', input_id)));
    };
    return { hear, settled: () => Promise.all(answers) };
  };

  /** Lives a story to its end: the events of each of its runs, and every delta that any process has sent of it. */
  const live = async ({ agent, request: asked, thinksMs, faults }: Story) => {
    const user = `user-${(sends += 1)}`;
    const deltas: AgentDelta[] = [];
    const { hear, settled } = answering(user, thinksMs);
    const hearing = engines.map((engine) =>
      engine.app.get(UserBus).subscribe(user, (signal) => {
        if (signal.kind === 'delta') deltas.push(signal.delta);
        if (signal.kind === 'events') signal.events.forEach(hear);
      }),
    );
    const sent = await engines[0].drill(user, 'm1', asked, { agent });
    const later = (await Promise.all(faults.map((one) => befall(sent, user, one)))).flat();
    const runs = [{ ...sent, tokens: asked.tokens }, ...later.map((one) => ({ ...one, tokens: NEXT_TOKENS }))];
    for (const { run_id } of runs) await engines[1].untilEnded(user, run_id);
    await settled();
    for (const subscription of hearing) subscription.end();
    const events = (await engines[0].events(user)).filter(({ type }) => type !== 'notification');
    for (const { type } of events) seen.add(type);
    return Promise.all(runs.map((run) => lifeOf(user, run, events, deltas)));
  };

  const lifeOf = async (
    user: string,
    { run_id, tokens }: { run_id: string; tokens: number },
    events: readonly DurableEvent[],
    deltas: readonly AgentDelta[],
  ) => ({
    tokens,
    events: events.filter((event) => event.run_id === run_id),
    deltas: deltas.filter((delta) => delta.run_id === run_id),
    view: await engines[0].app.get(RunStore).view(user, run_id),
  });

  it('ends in one terminal event, and its answer is one text from first to last', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(story, { minLength: 4, maxLength: 8 }), async (stories) => {
        for (const { tokens, events, deltas, view } of (await Promise.all(stories.map(live))).flat()) {
          checkEvents(events);
          checkText(events, deltas, tokens);
          const end = events.at(-1);
          expect(end?.type).toBe(`agent_${view?.status}`);
          expect(view?.text).toBe((end?.data as { content: string }).content);
        }
        expect(await engines[0].database.query('SELECT run_id FROM run_text')).toEqual([]);
      }),
      { numRuns: 30, endOnFailure: true },
    );
    const defects = await engines[0].database.query(
      `SELECT reason, operation, root_cause FROM error_records WHERE reason LIKE 'DATABASE%' OR reason IN ('INTERNAL_ERROR', 'AGENT_REPLAY_DIVERGED')`,
    );
    expect(defects).toEqual([]);
    expect([...EXPECTED].filter((type) => !seen.has(type))).toEqual([]);
  }, 120_000);
});

function within<T extends { at_token: number }>(tokens: number, place: T | undefined): T | undefined {
  return place && { ...place, at_token: Math.min(place.at_token, tokens) };
}

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
