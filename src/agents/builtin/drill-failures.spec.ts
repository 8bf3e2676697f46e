import { AnswerAssembler, ATTEMPT_EVENTS, type ErrorBody, TERMINAL_EVENTS } from '@clarion/protocol';
import { drillWords } from '../../../test/support/chat-client';
import { createTestDatabase, type TestDatabase } from '../../../test/support/database';
import { Engine } from '../../../test/support/engine';
import { UserBus } from '../../mailbox';

const TOKENS = 15;
const MIDDLE = 7;
const ENV = {
  RUN_MAX_ATTEMPTS: '2',
  RUN_FIRST_OUTPUT_TIMEOUT_MS: '300',
  RUN_STALL_TIMEOUT_MS: '300',
  TOOL_TIMEOUT_MS: '300',
  // Here everything fails, and each of them is to have its second attempt.
  RUN_RETRY_BUDGET_PERCENT: '1000',
};

/** Where it fails, and how many words it has written by then. */
const PHASES = {
  'before the first output': { fail: { at_token: 0 }, written: 0 },
  'in its first thought': { think: 1, fail: { phase: 'think' }, written: 0 },
  'in a tool': { tools: 2, fail: { phase: 'tool' }, written: 0 },
  'in mid-stream': { tools: 1, fail: { at_token: MIDDLE }, written: MIDDLE },
  'after the last token': { tools: 1, fail: { at_token: TOKENS }, written: TOKENS },
};
type Phase = keyof typeof PHASES;

/** What the user is told of each kind, in the order of the phases. Those that harm their process are in test/faults/drill-process.spec.ts. */
const REASONS = {
  throw: ['AGENT_FAILED', 'AGENT_FAILED', 'AGENT_TOOL_FAILED', 'AGENT_FAILED', 'AGENT_FAILED'],
  provider: [
    'AGENT_PROVIDER_FAILED',
    'AGENT_PROVIDER_FAILED',
    'AGENT_TOOL_FAILED',
    'AGENT_PROVIDER_FAILED',
    'AGENT_PROVIDER_FAILED',
  ],
  // Of a thought it is an error like any other.
  tool: ['AGENT_TOOL_FAILED', 'AGENT_FAILED', 'AGENT_TOOL_FAILED', 'AGENT_TOOL_FAILED', 'AGENT_TOOL_FAILED'],
  hang: ['AGENT_FIRST_OUTPUT_TIMEOUT', 'AGENT_FIRST_OUTPUT_TIMEOUT', 'TOOL_TIMEOUT', 'AGENT_STALLED', 'AGENT_STALLED'],
};

const CASES = Object.entries(REASONS).flatMap(([kind, reasons]) =>
  (Object.keys(PHASES) as Phase[]).map((phase, at) => [kind, phase, reasons[at] ?? ''] as const),
);

describe('a run of drill', () => {
  let database: TestDatabase;
  let engine: Engine;
  let users = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
    engine = await Engine.start(database.url, { env: ENV });
  });

  afterAll(async () => {
    await engine.stop();
    await database.drop();
  });

  /** The events of a run that fails so, and the answers that a client builds from what it hears, one after the other. */
  const live = async (kind: string, phase: Phase, on_attempts?: number[]) => {
    const user = `user-${(users += 1)}`;
    const { fail, written: _written, ...more } = PHASES[phase];
    const client = new AnswerAssembler();
    const shown: string[] = [];
    const hear = (name: string, payload: unknown): void => {
      client.accept(name, payload);
      shown.push(client.get(run_id)?.answer ?? '');
    };
    let run_id = '';
    const listening = engine.app.get(UserBus).subscribe(user, (signal) => {
      if (signal.kind === 'delta') ({ run_id } = signal.delta);
      if (signal.kind === 'delta') hear('agent_delta', signal.delta);
      if (signal.kind === 'events') for (const event of signal.events) hear(event.type, event);
    });
    const request = { ...more, tokens: TOKENS, per_second: 0, fail: { kind, on_attempts, ...fail } };
    const sent = await engine.drill(user, 'm1', request);
    ({ run_id } = sent);
    const end = await engine.ended(user, run_id);
    listening.end();
    const events = await engine.events(user);
    return { end, events, shown };
  };

  const expectOneWhole = ({ events, end, shown }: Awaited<ReturnType<typeof live>>): void => {
    expect(events.filter(({ type }) => TERMINAL_EVENTS.has(type))).toEqual([end]);
    expect(events.at(-1)).toEqual(end);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    const begun = events.filter(({ type }) => ATTEMPT_EVENTS.has(type));
    expect(begun.map(({ type, attempt }) => [type, attempt])).toEqual([
      ['agent_started', 1],
      ['agent_retrying', 2],
    ]);
    // Whatever a client showed at any moment was a beginning of the words.
    expect(shown.filter((text) => !drillWords(TOKENS).startsWith(text))).toEqual([]);
  };

  /** By the deltas alone, before the end said it as well. */
  const expectShown = ({ shown }: Awaited<ReturnType<typeof live>>, content: string): void =>
    expect(shown.slice(-2)).toEqual([content, content]);

  it.each(CASES)(
    'that fails by %s %s is repeated, and ends once by %s, with what had been written',
    async (kind, phase, reason) => {
      const lived = await live(kind, phase);
      expectOneWhole(lived);
      const content = drillWords(PHASES[phase].written);
      expect(lived.end).toMatchObject({ type: 'agent_failed', attempt: 2, data: { content } });
      const { error } = lived.end.data as { error: ErrorBody };
      expect(error).toMatchObject({ code: 1008, reason, root_cause: null });
      expect(error.support_code.startsWith(`${reason}_`)).toBe(true);
      expectShown(lived, content);
    },
  );

  it.each(CASES)('that fails by %s %s once, completes with the exact text after it told of %s', async (...of) => {
    const [kind, phase, reason] = of;
    const lived = await live(kind, phase, [1]);
    expectOneWhole(lived);
    const retrying = lived.events.find(({ type }) => type === 'agent_retrying');
    expect(retrying?.data).toMatchObject({ keep_index: 0, error: { code: 1008, reason } });
    expect(lived.end).toMatchObject({ type: 'agent_completed', attempt: 2, data: { content: drillWords(TOKENS) } });
    expectShown(lived, drillWords(TOKENS));
  });
});
