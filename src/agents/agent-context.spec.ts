import { ComponentError } from '../errors';
import type { AgentContext, AgentOutput } from './agent';
import { createAgentContext } from './agent-context';

function contextWith(signal = new AbortController().signal): AgentContext {
  const ids = { run_id: 'r', thread_id: 't', user_id: 'u', attempt: 1 };
  return createAgentContext({ ...ids, message: 'hello', signal, history: async () => [] });
}

/** Drives a tool call to its end: what it yielded, and its result or what it threw. */
async function drive<R>(stream: AsyncGenerator<AgentOutput, R, void>) {
  const outputs: AgentOutput[] = [];
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done === true) return { outputs, result: next.value };
      outputs.push(next.value);
    }
  } catch (thrown) {
    return { outputs, thrown };
  }
}

describe('AgentContext.tool', () => {
  it('shows the call, runs it with the signal, shows the result and returns it', async () => {
    const ctx = contextWith();
    const tool = ctx.tool(
      'split',
      { text: 'a b' },
      (signal) => [signal.aborted, 'a', 'b'],
      (r) => `${r.length} parts`,
    );
    const { outputs, result } = await drive(tool);
    expect(result).toEqual([false, 'a', 'b']);
    expect(outputs).toEqual([
      {
        type: 'tool_executing',
        tool_call_id: expect.any(String),
        tool: 'split',
        arguments: { text: 'a b' },
        mark: { key: expect.stringMatching(/^tool:split:.*:1$/), state: 'started' },
      },
      {
        type: 'tool_completed',
        tool_call_id: (outputs[0] as { tool_call_id: string }).tool_call_id,
        tool: 'split',
        ok: true,
        summary: '3 parts',
        duration_ms: expect.any(Number),
        mark: {
          key: (outputs[0] as { mark: { key: string } }).mark.key,
          state: 'completed',
          result: '[false,"a","b"]',
        },
      },
    ]);
    expect((outputs[0] as { tool_call_id: string }).tool_call_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('hides what the user is not to see of the arguments, and gives the tool all of them', async () => {
    const args = { user: 'ann', login: { password: 'secret' } };
    const tool = contextWith().tool('sign_in', args, () => args.login.password, { redact: ['password'] });
    const { outputs, result } = await drive(tool);
    expect(result).toBe('secret');
    expect(outputs[0]).toMatchObject({ arguments: { user: 'ann', login: { password: '[hidden]' } } });
    expect(JSON.stringify(outputs[0])).not.toContain('secret');
  });

  it('shows a failure and throws the same error, with the cause in it', async () => {
    const cause = new Error('no such file');
    const { outputs, thrown } = await drive(contextWith().tool('read', {}, () => Promise.reject(cause)));
    expect(thrown).toMatchObject({ reason: 'AGENT_TOOL_FAILED', cause, details: { tool: 'read' } });
    expect(outputs[1]).toMatchObject({ type: 'tool_completed', ok: false, summary: 'read failed' });
    expect((outputs[1] as { error: unknown }).error).toBe(thrown);
  });

  it('treats a tool that throws at once, or whose summary does, as failed', async () => {
    const fail = (): never => {
      throw new Error('broken');
    };
    for (const tool of [contextWith().tool('t', {}, fail), contextWith().tool('t', {}, () => 1, fail)]) {
      expect(await drive(tool)).toMatchObject({
        thrown: { reason: 'AGENT_TOOL_FAILED' },
        outputs: [{}, { ok: false }],
      });
    }
  });

  it('lets an agent catch the failure and go on', async () => {
    const ctx = contextWith();
    async function* forgiving(): AsyncGenerator<AgentOutput, string, void> {
      try {
        return yield* ctx.tool('t', {}, () => Promise.reject(new Error('no')));
      } catch (error) {
        if ((error as ComponentError).reason !== 'AGENT_TOOL_FAILED') throw error;
        return 'without it';
      }
    }
    expect((await drive(forgiving())).result).toBe('without it');
  });

  it('ends with the reason of the abort, although the tool is deaf to it', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled by the user');
    const tool = contextWith(controller.signal).tool('deaf', {}, () => {
      queueMicrotask(() => controller.abort(reason));
      return new Promise<never>(() => undefined);
    });
    const { outputs, thrown } = await drive(tool);
    expect(thrown).toBe(reason);
    expect(outputs).toHaveLength(1);
  });

  it('does not begin a tool after the abort', async () => {
    const run = jest.fn();
    const { outputs, thrown } = await drive(contextWith(AbortSignal.abort('over')).tool('t', {}, run));
    expect({ outputs, thrown }).toEqual({ outputs: [], thrown: 'over' });
    expect(run).not.toHaveBeenCalled();
  });

  it('bounds what it shows of arguments and summary', async () => {
    const long = 'x'.repeat(100_000);
    const { outputs, result } = await drive(
      contextWith().tool(
        't',
        { long },
        () => long,
        (text) => text,
      ),
    );
    expect(result).toBe(long);
    expect(JSON.stringify((outputs[0] as { arguments: unknown }).arguments).length).toBeLessThanOrEqual(4096);
    expect((outputs[1] as { summary: string }).summary).toHaveLength(500);
  });
});

describe('AgentContext', () => {
  it('makes thoughts and progress that can be stored', () => {
    const ctx = contextWith();
    expect(ctx.thinking('a\0\uD83D', 2)).toEqual({ type: 'thinking', text: 'a\uFFFD\uFFFD', step: 2 });
    expect(ctx.progress(1.5, 'done')).toEqual({ type: 'progress', progress: 1, message: 'done' });
    expect(ctx.progress(NaN, '')).toMatchObject({ progress: 0 });
  });
});

describe('AgentContext.step', () => {
  const away = ComponentError.dependencies('PROVIDER_UNAVAILABLE');
  const ids = { run_id: 'r', thread_id: 't', user_id: 'u', attempt: 1, message: 'hello', history: async () => [] };

  it.each([
    [true, 3],
    [false, 1],
  ])('is repeated only while the budget of retries has some left: %s', async (left, times) => {
    const ctx = createAgentContext({ ...ids, signal: new AbortController().signal }, { mayRepeat: () => left });
    let tried = 0;
    const failing = ctx.step('flaky', () => Promise.reject(((tried += 1), away)), { retry: 2 });
    await expect(failing).rejects.toBe(away);
    expect(tried).toBe(times);
  });
});
