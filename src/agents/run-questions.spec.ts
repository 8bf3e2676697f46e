import { setTimeout as delay } from 'node:timers/promises';
import { TERMINAL_EVENTS, type DurableEvent, type PendingInput } from '@clarion/protocol';
import fc from 'fast-check';
import { z } from 'zod';
import { drillWords } from '../../test/support/chat-client';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { Engine } from '../../test/support/engine';
import { ComponentError } from '../errors';
import { RunEnding, RunQuestions, RunStore, ThreadDeletion } from '.';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from './agent';

/** How often each piece of work was done, by its name. */
let done: string[] = [];
const work = (name: string) => () => done.push(name);

const BOOKING = z.strictObject({ seats: z.int().min(1).max(8), name: z.string().default('nobody') });

/** Says other words on every way through, so that a text that is written twice shows. */
@Agent({ name: 'booker', description: 'asks' })
class BookerAgent implements AgentRunner {
  private way = 0;

  async *run(ctx: AgentContext): AgentStream {
    const way = (this.way += 1);
    yield ctx.thinking(`Way ${way}.`);
    yield `way ${way} `;
    yield* ctx.tool('look', {}, work('look'));
    const { seats, name } = await ctx.ask({ prompt: 'How many seats?', schema: BOOKING });
    yield `${seats} for ${name}, `;
    const sure = await ctx.ask({ prompt: 'Sure?', schema: z.boolean(), expires_in: 60_000 });
    await ctx.step('book', work('book'));
    if (ctx.message === 'fails once' && ctx.attempt === 1) throw ComponentError.dependencies('PROVIDER_UNAVAILABLE');
    yield sure ? 'booked' : 'not booked';
  }
}

@Agent({ name: 'patient', description: 'goes on without an answer' })
class PatientAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield 'Well? ';
    yield await ctx
      .ask({ prompt: 'Well?', expires_in: 50 })
      .catch((error: unknown) => (error as ComponentError).reason);
  }
}

@Agent({ name: 'host', description: 'lets another agent ask' })
class HostAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield 'It says: ';
    const request = { tokens: 3, per_second: 0, think: 1, ask: { prompt: 'Well?', at_token: 1 } };
    yield (yield* ctx.run('drill', JSON.stringify(request))).text;
  }
}

@Agent({ name: 'wrong', description: 'asks as it may not' })
class WrongAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    switch (ctx.message) {
      case 'within a step':
        yield await ctx.step('step', () => ctx.ask({ prompt: 'Well?' }));
        break;
      case 'of no schema':
        await ctx.ask({ prompt: 'Well?', schema: z.date() });
        break;
      case 'without end':
        for (;;) yield await ctx.ask({ prompt: 'Again?' });
    }
  }
}

describe('a question to the user', () => {
  let database: TestDatabase;
  let engine: Engine;
  const engines: Engine[] = [];

  const start = async (env: Record<string, string> = {}) => {
    const started = await Engine.start(database.url, {
      env,
      agents: [BookerAgent, HostAgent, PatientAgent, WrongAgent],
    });
    engines.push(started);
    return started;
  };

  beforeEach(async () => {
    done = [];
    database = await createTestDatabase();
    engine = await start();
  });

  afterEach(async () => {
    for (const started of engines.splice(0)) await started.stop();
    await database.drop();
  });

  const send = (agent: string, content = 'hello', at = engine) =>
    at.intake.accept('ann', { client_message_id: agent, content, agent });

  const view = async (runId: string, at = engine) => (await at.app.get(RunStore).view('ann', runId))!;

  /** The question that the run waits with, once it does. */
  const question = async (runId: string, not = '', at = engine): Promise<PendingInput> => {
    for (;;) {
      const { pending_input: pending, status } = await view(runId, at);
      if (pending && pending.input_id !== not && status === 'waiting') return pending;
      await delay(5);
    }
  };

  const submit = (run_id: string, input_id: string, value: unknown, at = engine, user = 'ann') =>
    at.app.get(RunQuestions).submit(user, { run_id, input_id, value });

  const of = async <T extends DurableEvent['type']>(type: T) =>
    (await engine.events('ann')).filter((event) => event.type === type) as DurableEvent<T>[];

  const typesAndAttempts = async () =>
    (await engine.events('ann')).slice(2).map(({ type, attempt }) => `${type} ${attempt}`);

  const outcomes = async () => (await of('input_resolved')).map(({ data }) => data.outcome);

  it('interrupts the attempt, which goes on after the answer in the words that it had', async () => {
    const { run_id } = await send('booker');
    const seats = await question(run_id);
    expect(await view(run_id)).toMatchObject({ status: 'waiting', attempt: 1, text: 'way 1 ' });
    expect(await submit(run_id, seats.input_id, { seats: 2 })).toEqual({ duplicate: false });
    const sure = await question(run_id, seats.input_id);
    expect(await view(run_id)).toMatchObject({ attempt: 1, text: 'way 1 2 for nobody, ' });
    await submit(run_id, sure.input_id, true);
    expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: 'way 1 2 for nobody, booked' } });
    expect(done).toEqual(['look', 'book']);
    expect(await typesAndAttempts()).toEqual(
      [
        ...['agent_started', 'agent_thinking', 'tool_executing', 'tool_completed', 'input_required', 'input_resolved'],
        ...['input_required', 'input_resolved', 'agent_completed'],
      ].map((type) => `${type} 1`),
    );
    expect(await of('input_required')).toMatchObject([{ data: seats }, { data: sure }]);
    expect(seats.schema).toMatchObject({ type: 'object', required: ['seats'], additionalProperties: false });
    expect((await view(run_id)).pending_input).toBeNull();
  });

  it('is not asked again by a later attempt', async () => {
    const { run_id } = await send('booker', 'fails once');
    const seats = await question(run_id);
    await submit(run_id, seats.input_id, { seats: 1, name: 'Ann' });
    await submit(run_id, (await question(run_id, seats.input_id)).input_id, false);
    const end = await engine.ended('ann', run_id);
    expect(end).toMatchObject({
      attempt: 2,
      data: { content: expect.stringMatching(/^way \d 1 for Ann, not booked$/) },
    });
    expect(await of('input_required')).toHaveLength(2);
    expect(done).toEqual(['look', 'book']);
  });

  it('may come from an agent that was called by another, and says so', async () => {
    const { run_id } = await send('host');
    const { input_id } = await question(run_id);
    expect(await of('input_required')).toMatchObject([{ path: 'drill' }]);
    await submit(run_id, input_id, 'yes');
    const content = `It says: ${drillWords(3)}`;
    expect(await engine.ended('ann', run_id)).toMatchObject({ attempt: 1, data: { content } });
    expect(await of('agent_thinking')).toHaveLength(1);
  });

  it('survives the processes that asked it, and those that were to hear the answer', async () => {
    const { run_id } = await engine.drill('ann', 'm1', {
      tokens: 9,
      per_second: 0,
      think: 1,
      ask: { prompt: 'Go on?', at_token: 4 },
    });
    const { input_id } = await question(run_id);
    await engine.stop();
    engines.splice(0);
    engine = await start();
    engine.queue.delivering = false;
    await submit(run_id, input_id, 'yes');
    await engine.stop();
    engines.splice(0);
    engine = await start();
    const end = await engine.ended('ann', run_id);
    expect(end).toMatchObject({ type: 'agent_completed', attempt: 1, data: { content: drillWords(9) } });
    expect(await of('agent_thinking')).toHaveLength(1);
    expect(await of('agent_started')).toHaveLength(1);
  });

  it('holds no place of its user: other runs go on while it waits', async () => {
    await engine.stop();
    engines.splice(0);
    engine = await start({ RUNS_PER_USER: '1' });
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 1, ask: { prompt: 'Well?' } });
    await question(run_id);
    const other = await engine.drill('ann', 'm2', { tokens: 1 });
    expect((await engine.ended('ann', other.run_id)).type).toBe('agent_completed');
    expect((await view(run_id)).status).toBe('waiting');
  });

  it('stops every clock: of the queue, of outputs, of the attempt', async () => {
    await engine.stop();
    engines.splice(0);
    const short = { RUN_QUEUE_TIMEOUT_MS: '1000', RUN_TOTAL_TIMEOUT_MS: '900', RUN_STALL_TIMEOUT_MS: '900' };
    engine = await start(short);
    const { run_id } = await engine.drill('ann', 'm1', { tokens: 2, ask: { prompt: 'Well?', at_token: 1 } });
    const { input_id } = await question(run_id);
    await delay(2_200);
    await submit(run_id, input_id, 'late, but in time');
    expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: drillWords(2) } });
  });

  describe('that is answered', () => {
    it('twice with the same value is answered once; with another one it is closed', async () => {
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1, ask: { prompt: 'Well?' } });
      const { input_id } = await question(run_id);
      const answers = await Promise.all(Array.from({ length: 5 }, () => submit(run_id, input_id, 'yes')));
      expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
      await engine.ended('ann', run_id);
      expect(await submit(run_id, input_id, 'yes')).toEqual({ duplicate: true });
      const closed = { reason: 'INPUT_CLOSED', details: { outcome: 'submitted' } };
      await expect(submit(run_id, input_id, 'no')).rejects.toMatchObject(closed);
      expect(await outcomes()).toEqual(['submitted']);
    });

    it.each([
      [{ seats: 0 }, 'seats: '],
      [{ seats: 'two' }, 'seats: '],
      [{}, 'seats: '],
      [{ seats: 1, more: true }, 'value: '],
      ['two', 'value: '],
      [null, 'value: '],
    ])('by %j hears what is wrong, and stays open', async (value, where) => {
      const { run_id } = await send('booker');
      const { input_id } = await question(run_id);
      const refusal = {
        definition: { code: 1004 },
        reason: 'INPUT_INVALID',
        details: { issues: [expect.stringContaining(where)] },
      };
      await expect(submit(run_id, input_id, value)).rejects.toMatchObject(refusal);
      expect((await view(run_id)).pending_input).toMatchObject({ input_id });
      expect(await outcomes()).toEqual([]);
    });

    it('by somebody else, or where there is none, is as if it were missing', async () => {
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1, ask: { prompt: 'Well?' } });
      const { input_id } = await question(run_id);
      await expect(submit(run_id, input_id, 'yes', engine, 'bob')).rejects.toMatchObject({ reason: 'RUN_NOT_FOUND' });
      await expect(submit(run_id, run_id, 'yes')).rejects.toMatchObject({ reason: 'INPUT_NOT_FOUND' });
      expect(await outcomes()).toEqual([]);
    });
  });

  describe('whose time is over', () => {
    it('fails the run, and says so', async () => {
      const ask = { prompt: 'Well?', at_token: 1, expires_in: 100 };
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 2, ask });
      const end = await engine.ended('ann', run_id);
      const error = { code: 1008, reason: 'INPUT_EXPIRED', retryable: false, details: { timeout_ms: 100 } };
      expect(end).toMatchObject({ type: 'agent_failed', attempt: 1, data: { content: 'w0', error } });
      expect(await outcomes()).toEqual(['expired']);
      const { input_id } = (await of('input_required'))[0]!.data;
      const closed = { reason: 'INPUT_CLOSED', details: { outcome: 'expired' } };
      await expect(submit(run_id, input_id, 'late')).rejects.toMatchObject(closed);
    });

    it('may be caught by its agent', async () => {
      const { run_id } = await send('patient');
      expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: 'Well? INPUT_EXPIRED' } });
    });

    it('takes no answer any more, whether somebody has noticed or not', async () => {
      const { run_id } = await engine.drill('ann', 'm1', { tokens: 1, ask: { prompt: 'Well?' } });
      const { input_id } = await question(run_id);
      const passed = engine.database.transaction(async (tx) => {
        await tx.query(`SELECT 1 FROM runs WHERE id = $1 FOR UPDATE`, [run_id]);
        await tx.query(`UPDATE run_inputs SET expires_at = now() - interval '1 second' WHERE id = $1`, [input_id]);
      });
      await passed;
      const closed = { reason: 'INPUT_CLOSED', details: { outcome: 'expired' } };
      await expect(submit(run_id, input_id, 'late')).rejects.toMatchObject(closed);
    });
  });

  it('is closed by the cancelling of its run, before the end of it', async () => {
    const { run_id, thread_id } = await engine.drill('ann', 'm1', { tokens: 2, ask: { prompt: 'Well?', at_token: 1 } });
    const { input_id } = await question(run_id);
    await engine.app.get(RunEnding).cancel('ann', run_id);
    expect((await typesAndAttempts()).slice(-2)).toEqual(['input_resolved 1', 'agent_cancelled 1']);
    expect((await engine.events('ann')).at(-1)).toMatchObject({ data: { content: 'w0' } });
    expect(await outcomes()).toEqual(['cancelled']);
    const closed = { reason: 'INPUT_CLOSED', details: { outcome: 'cancelled' } };
    await expect(submit(run_id, input_id, 'yes')).rejects.toMatchObject(closed);
    await engine.app.get(ThreadDeletion).delete('ann', thread_id);
    expect(await engine.database.query('SELECT 1 FROM run_inputs')).toEqual([]);
  });

  it.each(['within a step', 'of no schema'])('that is asked %s fails the run', async (content) => {
    const { run_id } = await send('wrong', content);
    const error = { reason: 'AGENT_OUTPUT_INVALID', code: 1008 };
    expect(await engine.ended('ann', run_id)).toMatchObject({ type: 'agent_failed', data: { error } });
  });

  it('comes at most a hundred times in a run', async () => {
    const { run_id } = await send('wrong', 'without end');
    const { input_id } = await question(run_id);
    await engine.database.query(
      `INSERT INTO run_inputs (id, run_id, key, text_length, prompt, schema, outcome, expires_at)
       SELECT gen_random_uuid(), run_id, 'ask:earlier', 0, prompt, schema, 'expired', now() FROM run_inputs, generate_series(1, 99) WHERE id = $1`,
      [input_id],
    );
    await submit(run_id, input_id, 'on');
    const error = { reason: 'AGENT_OUTPUT_INVALID', code: 1008 };
    expect(await engine.ended('ann', run_id)).toMatchObject({ data: { content: 'on', error } });
  });

  it('ends in one way, whoever comes first: answers, the end of its time, cancels, lost workers', async () => {
    const other = await start();
    const act = fc.record({
      what: fc.constantFrom('submit', 'submit', 'expire', 'cancel', 'orphan'),
      at: fc.nat(1),
      value: fc.constantFrom('yes', 'no'),
      pause: fc.nat(12),
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 2, maxLength: 8 }), async (acts) => {
        const user = `user-${(round += 1)}`;
        const ask = { prompt: 'Well?', at_token: 2 };
        const { run_id } = await engine.drill(user, 'm1', { tokens: 4, per_second: 0, ask });
        const pending = async () => (await engine.app.get(RunStore).view(user, run_id))!.pending_input;
        let asked = await pending();
        while (asked === null) asked = (await delay(3), await pending());
        const { input_id } = asked;
        await Promise.all(
          acts.map(async ({ what, at, value, pause }) => {
            await delay(pause);
            const where = [engine, other][at]!;
            if (what === 'cancel') await where.app.get(RunEnding).cancel(user, run_id);
            if (what === 'submit') {
              const sent = await Promise.allSettled([submit(run_id, input_id, value, where, user)]);
              if (sent[0].status === 'rejected') expect((sent[0].reason as ComponentError).reason).toBe('INPUT_CLOSED');
            }
            if (what === 'expire') {
              await where.database.query('UPDATE run_inputs SET expires_at = now() WHERE id = $1', [input_id]);
              await where.app.get(RunQuestions).expireDue(10);
            }
            if (what === 'orphan')
              await where.database.query(
                `UPDATE runs SET worker_id = NULL, dispatched_at = NULL WHERE id = $1 AND status = 'running'`,
                [run_id],
              );
          }),
        );
        const [still] = await Promise.allSettled([submit(run_id, input_id, 'yes', other, user)]);
        await engine.untilEnded(user, run_id);
        const events = await engine.events(user);
        const resolved = events.filter(({ type }) => type === 'input_resolved') as DurableEvent<'input_resolved'>[];
        expect(resolved).toHaveLength(1);
        expect(events.filter(({ type }) => TERMINAL_EVENTS.has(type))).toHaveLength(1);
        const end = events.at(-1)!;
        const { outcome } = resolved[0]!.data;
        if (outcome === 'submitted') expect(['agent_completed', 'agent_cancelled']).toContain(end.type);
        if (outcome === 'expired') expect(['agent_failed', 'agent_cancelled']).toContain(end.type);
        if (outcome === 'cancelled') expect(end.type).toBe('agent_cancelled');
        if (end.type === 'agent_completed') expect(end.data.content).toBe(drillWords(4));
        else expect(drillWords(4)).toContain((end.data as { content: string }).content);
        if (still.status === 'fulfilled') expect(outcome).toBe('submitted');
      }),
      { numRuns: 15, endOnFailure: true },
    );
  }, 90_000);
});
