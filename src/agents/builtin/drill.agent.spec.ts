import type { AgentOutput } from '../agent';
import { createAgentContext } from '../agent-context';
import { DrillAgent } from './drill.agent';

interface Drilled {
  outputs: AgentOutput[];
  /** When each came. */
  at: number[];
  answer: string;
  thrown?: unknown;
}

async function drill(request: unknown, { attempt = 1, signal = new AbortController().signal } = {}): Promise<Drilled> {
  const message = typeof request === 'string' ? request : JSON.stringify(request);
  const ids = { run_id: 'r', thread_id: 't', user_id: 'u', attempt };
  const outputs: AgentOutput[] = [];
  const at: number[] = [];
  const drilled = (thrown?: unknown): Drilled => ({
    outputs,
    at,
    answer: outputs.filter((output) => typeof output === 'string').join(''),
    thrown,
  });
  try {
    for await (const output of new DrillAgent().run(
      createAgentContext({ ...ids, message, signal, history: async () => [] }),
    )) {
      outputs.push(output);
      at.push(performance.now());
    }
    return drilled();
  } catch (thrown) {
    return drilled(thrown);
  }
}

const words = (count: number): string => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');

describe('drill', () => {
  it('writes exactly the words it was asked for, a delta each', async () => {
    const { answer, outputs } = await drill({ tokens: 1000, per_second: 0 });
    expect(answer).toBe(words(1000));
    expect(outputs).toHaveLength(1000);
  });

  it('writes 20 words by default, and nothing for 0 tokens', async () => {
    expect((await drill({ per_second: 0 })).answer).toBe(words(20));
    expect((await drill({ tokens: 0 })).answer).toBe('');
  });

  it('keeps its pace without drifting', async () => {
    const started = performance.now();
    const { at } = await drill({ tokens: 101, per_second: 200 });
    const took = performance.now() - started;
    expect(took).toBeGreaterThanOrEqual(499);
    // Late once is late by that much in the end at most, as the machine has it; what drifts is late a little, every time.
    const longest = Math.max(...at.map((time, index) => time - (at[index - 1] ?? started)));
    expect(took).toBeLessThan(500 + longest + 50);
  });

  it('thinks and calls tools first', async () => {
    const { outputs, answer } = await drill({ tokens: 2, per_second: 0, think: 2, tools: 1 });
    const types = outputs.map((output) => (typeof output === 'string' ? 'text' : output.type));
    expect(types).toEqual(['thinking', 'thinking', 'tool_executing', 'tool_completed', 'text', 'text']);
    expect(answer).toBe('w0 w1');
  });

  it.each([
    ['throw', { message: 'drill was asked to throw at token 3' }],
    ['provider', { reason: 'AGENT_PROVIDER_FAILED' }],
    ['tool', { reason: 'AGENT_TOOL_FAILED' }],
  ])('fails by %s after the words before at_token', async (kind, failure) => {
    const { answer, thrown } = await drill({ tokens: 5, per_second: 0, fail: { kind, at_token: 3 } });
    expect(answer).toBe(words(3));
    expect(thrown).toMatchObject(failure);
  });

  it('fails at the beginning where at_token is absent, and after the last word where it is the number of tokens', async () => {
    expect((await drill({ fail: { kind: 'throw' } })).answer).toBe('');
    const late = await drill({ tokens: 4, per_second: 0, fail: { kind: 'throw', at_token: 4 } });
    expect(late.answer).toBe(words(4));
    expect(late.thrown).toBeInstanceOf(Error);
  });

  it('fails only on the attempts it names', async () => {
    const request = { tokens: 3, per_second: 0, fail: { kind: 'throw', on_attempts: [1, 3] } };
    const outcomes = await Promise.all([1, 2, 3].map((attempt) => drill(request, { attempt })));
    expect(outcomes.map(({ answer }) => answer)).toEqual(['', words(3), '']);
  });

  it('hangs until it is aborted', async () => {
    const controller = new AbortController();
    const hanging = drill({ fail: { kind: 'hang', at_token: 0 } }, { signal: controller.signal });
    const settled = jest.fn();
    void hanging.then(settled);
    await new Promise(setImmediate);
    expect(settled).not.toHaveBeenCalled();
    controller.abort(new Error('enough'));
    expect((await hanging).thrown).toEqual(new Error('enough'));
  });

  it('stops writing when it is aborted', async () => {
    const { thrown } = await drill({ tokens: 1000, per_second: 10 }, { signal: AbortSignal.timeout(20) });
    expect(thrown).toMatchObject({ name: expect.stringMatching(/AbortError|TimeoutError/) });
  });

  it('crash kills its own process, in the way that nothing can catch', async () => {
    const kill = jest.spyOn(process, 'kill').mockReturnValue(true);
    try {
      await drill({ tokens: 1, fail: { kind: 'crash' } });
      expect(kill.mock.calls).toEqual([[process.pid, 'SIGKILL']]);
    } finally {
      kill.mockRestore();
    }
  });

  it.each([
    ['text', 'hello', /content: is not JSON/],
    ['another JSON value', '[1]', /content: .*object/],
    ['an unknown field', { token: 5 }, /token/],
    ['too many tokens', { tokens: 100_001 }, /tokens: /],
    ['a wrong kind', { fail: { kind: 'explode' } }, /fail\.kind: /],
    ['a failure past the end', { tokens: 2, fail: { kind: 'throw', at_token: 3 } }, /fail\.at_token: lies past/],
    ['ask', { ask: { prompt: '' } }, /ask.prompt/],
    ['ask', { tokens: 2, ask: { prompt: 'Who?', at_token: 3 } }, /ask.at_token: lies past/],
  ])('refuses %s with DRILL_REQUEST_INVALID and says why', async (_case, request, issue) => {
    expect((await drill(request)).thrown).toMatchObject({
      reason: 'DRILL_REQUEST_INVALID',
      definition: { code: 1008 },
      details: { issues: expect.arrayContaining([expect.stringMatching(issue)]) },
    });
  });
});
