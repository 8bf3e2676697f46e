import type { DurableEvent } from '@clarion/protocol';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { ComponentError } from '../errors';
import { RunQuestions } from '.';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from './agent';

const forever = () => new Promise<never>(() => undefined);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Does what the message says. Its limits are its own. */
@Agent({
  name: 'slow',
  description: 'waits in many ways',
  maxAttempts: 1,
  firstOutputTimeoutMs: 150,
  stallTimeoutMs: 200,
  toolTimeoutMs: 300,
  timeoutMs: 1_000,
  queueTimeoutMs: 1_000,
})
class SlowAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    if (ctx.message === 'silent') await forever();
    yield ctx.thinking('An event is an output.');
    yield 'begun';
    switch (ctx.message) {
      case 'stalls':
        await forever();
        break;
      case 'tool':
        yield* ctx.tool('deaf', {}, forever);
        break;
      case 'long tool':
        yield* ctx.tool('busy', {}, () => pause(250));
        break;
      case 'asks':
        for (let step = 0; step < 12; step += 1) {
          await pause(50);
          yield '.';
        }
        await ctx.ask({ prompt: 'Go on?' });
        break;
      case 'catches':
        try {
          yield* ctx.tool('deaf', {}, forever);
        } catch (error) {
          if (!(error instanceof ComponentError)) throw error;
          yield ', without the tool';
        }
        break;
      default:
        for (;;) {
          await pause(50);
          yield '.';
        }
    }
  }
}

describe('the clocks of a run', () => {
  let database: TestDatabase;
  let engine: Engine;

  beforeEach(async () => {
    database = await createTestDatabase();
    engine = await Engine.start(database.url, { agents: [SlowAgent] });
  });

  afterEach(async () => {
    await engine.stop();
    await database.drop();
  });

  const send = async (content: string): Promise<DurableEvent> => {
    const { run_id } = await engine.intake.accept('ann', { client_message_id: 'm1', content, agent: 'slow' });
    return engine.ended('ann', run_id);
  };

  it.each([
    ['silent', 'AGENT_FIRST_OUTPUT_TIMEOUT', 150, '', 'We waited 0.2 seconds, and'],
    ['stalls', 'AGENT_STALLED', 200, 'begun', 'We waited 0.2 seconds for it to go on'],
    ['tool', 'TOOL_TIMEOUT', 300, 'begun', 'waited 0.3 seconds for a tool'],
    ['never ends', 'AGENT_TIMEOUT', 1_000, /^begun\.{5,}$/, 'not finished within 1 second,'],
  ])(
    'that %s: %s after %i ms, and the user reads how long was waited',
    async (message, reason, timeout_ms, content, words) => {
      const end = (await send(message)) as DurableEvent<'agent_failed'>;
      expect(end).toMatchObject({
        type: 'agent_failed',
        data: { error: { code: 1008, reason, details: { timeout_ms } } },
      });
      expect(end.data.content).toMatch(content);
      expect(end.data.error.user_notification.user_friendly_message).toContain(words);
    },
  );

  it('do not take a tool for a stalled agent', async () => {
    expect(await send('long tool')).toMatchObject({ type: 'agent_completed', data: { content: 'begun' } });
  });

  it('count what an attempt has run before a question, and not how long its user takes to answer', async () => {
    const { run_id } = await engine.intake.accept('ann', { client_message_id: 'm1', content: 'asks', agent: 'slow' });
    const asked = async () => (await engine.events('ann')).find(({ type }) => type === 'input_required');
    while ((await asked()) === undefined) await pause(20);
    await pause(1_000);
    const { input_id } = (await asked())!.data as { input_id: string };
    await engine.app.get(RunQuestions).submit('ann', { run_id, input_id, value: 'yes' });
    expect(await engine.ended('ann', run_id)).toMatchObject({
      attempt: 1,
      data: { error: { reason: 'AGENT_TIMEOUT', details: { timeout_ms: 1_000 } } },
    });
    const again = await engine.database.query<{ ms: number }>(
      `SELECT extract(epoch FROM (l->>'left_at')::timestamptz - (l->>'leased_at')::timestamptz) * 1000 AS ms
       FROM runs, jsonb_array_elements(leases) WITH ORDINALITY AS e (l, place) ORDER BY place DESC LIMIT 1`,
    );
    expect(Number(again[0]?.ms)).toBeLessThan(900);
  });

  it('let an agent go on without a tool that took too long', async () => {
    expect(await send('catches')).toMatchObject({
      type: 'agent_completed',
      data: { content: 'begun, without the tool' },
    });
  });

  it('bound the wait for a worker', async () => {
    engine.queue.delivering = false;
    const end = (await send('never begins')) as DurableEvent<'agent_failed'>;
    expect(end).toMatchObject({
      attempt: null,
      data: { error: { reason: 'RUN_QUEUE_TIMEOUT', details: { timeout_ms: 1_000 } } },
    });
    expect(end.data.error.user_notification.user_friendly_message).toContain('waited 1 second and');
  });
});
