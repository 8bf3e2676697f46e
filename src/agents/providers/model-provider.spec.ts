import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { jsonSchema, tool, type ToolSet } from 'ai';
import { loadConfig } from '../../config';
import type { ComponentError } from '../../errors';
import { MetricsRegistry, plainObject } from '../../telemetry';
import {
  begin,
  breaksOff,
  calls,
  delta,
  fails,
  hangsUp,
  line,
  LlmServer,
  type LlmScript,
  says,
  sends,
  stalls,
} from '../../../test/support/llm-server';
import { ActiveRuns } from '../active-runs';
import { RunMetrics } from '../run-metrics';
import { ProviderCircuits } from '../provider-circuits.service';
import { type ModelPart, ModelProvider } from './model-provider.service';

const KEY = 'sk-secret';
const TOOLS = {
  add: tool({
    description: 'Adds',
    inputSchema: jsonSchema({ type: 'object', properties: { a: { type: 'number' } } }),
  }),
} as ToolSet;

describe('ModelProvider', () => {
  let llm: LlmServer;

  beforeAll(async () => {
    llm = await LlmServer.start();
  });
  afterAll(() => llm.close());

  function providerOf(env: Record<string, string> = {}): ModelProvider {
    const url = { LLM_BASE_URL: llm.baseUrl, LLM_MODEL: 'test-model', LLM_API_KEY: KEY };
    const config = loadConfig({ ...url, ...env });
    return new ModelProvider(
      config,
      new ProviderCircuits(config),
      new RunMetrics(new MetricsRegistry(), new ActiveRuns()),
    );
  }

  /** What one call gives, and what it throws. */
  async function ask(
    script: LlmScript | null,
    { env = {}, signal = new AbortController().signal, price = null as null | { input: number; output: number } } = {},
  ) {
    if (script) llm.script(script);
    const parts: ModelPart[] = [];
    const messages = [{ role: 'user' as const, content: 'Hello' }];
    const call = { model: 'test-model', instructions: 'Be brief.', messages, tools: TOOLS, price, signal };
    const read = async (): Promise<void> => {
      for await (const part of providerOf(env).stream(call)) parts.push(part);
    };
    const [outcome] = await Promise.allSettled([read()]);
    const thrown: unknown = outcome.status === 'rejected' ? outcome.reason : undefined;
    const text = parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
    return { parts, text, thrown: thrown as ComponentError | undefined, end: parts.find(({ type }) => type === 'end') };
  }

  describe('a well-behaved answer', () => {
    it('is asked for with model, prompt, tools, limits and credentials, and comes in pieces with its usage', async () => {
      const { parts, text, end } = await ask(says('The answer is 42.'), { price: { input: 3, output: 15 } });
      expect(text).toBe('The answer is 42.');
      expect(parts.filter(({ type }) => type === 'text').length).toBeGreaterThan(1);
      expect(end).toEqual({
        type: 'end',
        truncated: false,
        usage: { input_tokens: 12, output_tokens: 7, cost: 0.000141 },
      });
      const { authorization, body } = llm.requests.at(-1)!;
      expect(authorization).toBe(`Bearer ${KEY}`);
      expect(body).toMatchObject({
        model: 'test-model',
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: 4096,
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Hello' },
        ],
        tools: [{ type: 'function', function: { name: 'add' } }],
      });
    });

    it('may call tools, whose arguments come in pieces', async () => {
      const { parts } = await ask(calls({ name: 'add', args: { a: 1 } }, { name: 'add', args: { a: 2 } }));
      expect(parts.filter(({ type }) => type === 'tool_call')).toEqual([
        { type: 'tool_call', call: { id: 'call_0_add', name: 'add', input: { a: 1 }, problem: null } },
        { type: 'tool_call', call: { id: 'call_1_add', name: 'add', input: { a: 2 }, problem: null } },
      ]);
    });

    it('says of a call that cannot be made why, and goes on', async () => {
      const { parts, thrown } = await ask(calls({ name: 'nope', args: {} }, { name: 'add', args: '{"a": ' }));
      expect(thrown).toBeUndefined();
      const problems = parts.flatMap((part) => (part.type === 'tool_call' ? [part.call.problem] : []));
      expect(problems).toEqual([expect.any(String), expect.any(String)]);
    });
  });

  describe('an odd tail', () => {
    it.each<[string, LlmScript]>([
      [
        'the last token with the finish reason in one chunk',
        sends(delta('whole '), delta('answer', 'stop'), line('[DONE]')),
      ],
      ['a chunk of usage alone at the end', says('whole answer')],
      ['no [DONE]', sends(delta('whole '), delta('answer'), delta('', 'stop'))],
      [
        'keep-alive comments',
        sends(': ping\n\n', delta('whole '), ': ping\n\n', delta('answer', 'stop'), ': ping\n\n'),
      ],
      ['no usage', says('whole answer', { usage: null })],
      [
        'a first chunk of a role alone',
        sends(line({ choices: [{ delta: { role: 'assistant' } }] }), delta('whole answer', 'stop')),
      ],
    ])('does no harm: %s', async (_name, script) => {
      const { text, end, thrown } = await ask(script);
      expect(thrown).toBeUndefined();
      expect(text).toBe('whole answer');
      expect(end).toBeDefined();
    });

    it('is told when the answer was cut off at the limit of tokens', async () => {
      expect((await ask(says('half an', { finish: 'length' }))).end).toMatchObject({ truncated: true });
    });

    it('gives reasoning apart from the answer', async () => {
      const thinks = line({ choices: [{ index: 0, delta: { reasoning_content: 'Hm.' } }] });
      const { parts, text } = await ask(sends(thinks, thinks, delta('Yes', 'stop')));
      expect(parts[0]).toEqual({ type: 'thought', text: 'Hm.Hm.' });
      expect(text).toBe('Yes');
    });
  });

  describe('a failure has its own reason', () => {
    const error = (code: string | number): string => line({ error: { message: 'it went wrong', type: 'x', code } });

    it.each<[string, LlmScript, string, boolean]>([
      ['401', fails(401), 'PROVIDER_CREDENTIALS', false],
      ['403', fails(403), 'PROVIDER_CREDENTIALS', false],
      ['402', fails(402), 'PROVIDER_QUOTA_EXHAUSTED', false],
      ['429', fails(429), 'PROVIDER_RATE_LIMITED', true],
      ['429 for want of credit', fails(429, { code: 'insufficient_quota' }), 'PROVIDER_QUOTA_EXHAUSTED', false],
      ['500', fails(500), 'PROVIDER_UNAVAILABLE', true],
      ['503', fails(503), 'PROVIDER_UNAVAILABLE', true],
      ['an unknown model', fails(404, { code: 'model_not_found' }), 'PROVIDER_MODEL_UNKNOWN', false],
      ['too long a context', fails(400, { code: 'context_length_exceeded' }), 'PROVIDER_CONTEXT_TOO_LONG', false],
      ['another refusal', fails(400), 'PROVIDER_REJECTED', false],
      ['a redirect', fails(307, { headers: { location: 'http://elsewhere.example' } }), 'PROVIDER_REJECTED', false],
      [
        'a page instead of a stream',
        (response) => void response.end('<html>Sign in</html>'),
        'PROVIDER_RESPONSE_INVALID',
        true,
      ],
      ['a stream of no JSON', sends('data: {nope\n\n'), 'PROVIDER_RESPONSE_INVALID', true],
      ['another kind of JSON', sends(line({ hello: 1 })), 'PROVIDER_RESPONSE_INVALID', true],
      ['a socket closed without an answer', hangsUp, 'PROVIDER_UNAVAILABLE', true],
      ['a socket closed in the middle', breaksOff('half '), 'PROVIDER_STREAM_BROKEN', true],
      ['a stream that ends in the middle', sends(delta('half ')), 'PROVIDER_STREAM_BROKEN', true],
      ['an error in mid-stream', sends(delta('half '), error('server_error')), 'PROVIDER_UNAVAILABLE', true],
      ['a limit in mid-stream', sends(delta('half '), error('rate_limit_exceeded')), 'PROVIDER_RATE_LIMITED', true],
      ['a status in mid-stream', sends(delta('half '), error(429)), 'PROVIDER_RATE_LIMITED', true],
      ['silence', stalls(), 'PROVIDER_TIMEOUT', true],
      ['silence in the middle', stalls('half '), 'PROVIDER_TIMEOUT', true],
      ['no answer', says(''), 'PROVIDER_ANSWER_EMPTY', true],
      ['a filtered answer', says('half', { finish: 'content_filter' }), 'PROVIDER_CONTENT_FILTERED', false],
    ])('%s', async (_name, script, reason, retryable) => {
      const env = { LLM_SILENCE_TIMEOUT_MS: reason === 'PROVIDER_TIMEOUT' ? '300' : '20000' };
      const { thrown, end } = await ask(script, { env });
      expect(thrown).toMatchObject({ reason, details: { provider: 'llm' } });
      expect(thrown!.definition).toMatchObject({ code: 1006, retryable });
      expect(end).toBeUndefined();
    });

    it('also where nobody listens', async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      server.close();
      const { thrown } = await ask(null, { env: { LLM_BASE_URL: `http://127.0.0.1:${port}/v1` } });
      expect(thrown).toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
    });

    it('and keeps what had been written before it', async () => {
      expect((await ask(breaksOff('half '))).text).toBe('half ');
    });

    it('says when to come again, in seconds or as a date', async () => {
      const inSeconds = await ask(fails(429, { headers: { 'retry-after': '7' } }));
      expect(inSeconds.thrown!.retryAfterMs).toBe(7_000);
      const date = new Date(Date.now() + 60_000).toUTCString();
      const atDate = await ask(fails(503, { headers: { 'retry-after': date } }));
      expect(atDate.thrown!.retryAfterMs).toBeGreaterThan(55_000);
      expect(atDate.thrown!.retryAfterMs).toBeLessThanOrEqual(60_000);
      const never = await ask(fails(429, { headers: { 'retry-after': 'later' } }));
      expect(never.thrown!.retryAfterMs).toBe(10_000);
    });

    it('never holds the key or what was sent', async () => {
      const { thrown } = await ask(fails(401));
      const cause = thrown!.cause as Error;
      expect(cause.message).toContain('[redacted]');
      expect(
        JSON.stringify([thrown, plainObject({ cause }), cause.message, cause.stack, thrown!.details]),
      ).not.toContain(KEY);
      expect(JSON.stringify([cause, Object.values(cause)])).not.toContain('Hello');
    });
  });

  it('reads no more than it may', async () => {
    const floods: LlmScript = (response) => {
      begin(response);
      const flood = (): void => {
        while (!response.destroyed && response.write(delta('x'.repeat(1_000)))) continue;
      };
      response.on('drain', flood);
      flood();
    };
    const { thrown, text } = await ask(floods, { env: { LLM_MAX_RESPONSE_BYTES: '50000' } });
    expect(thrown).toMatchObject({ reason: 'PROVIDER_RESPONSE_INVALID', details: { limit: 50_000 } });
    expect(text.length).toBeLessThan(50_000);
  });

  it('counts only the silence of the provider, not the slowness of its reader', async () => {
    llm.script(says('one two three'));
    const call = {
      model: 'm',
      instructions: 'i',
      messages: [{ role: 'user' as const, content: 'x' }],
      tools: {},
      price: null,
    };
    let text = '';
    for await (const part of providerOf({ LLM_SILENCE_TIMEOUT_MS: '1000' }).stream({
      ...call,
      signal: new AbortController().signal,
    })) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      if (part.type === 'text') text += part.text;
    }
    expect(text).toBe('one two three');
  });

  it('ends with the reason of an abort, and lets go of the provider', async () => {
    const controller = new AbortController();
    const abandoned = llm.abandoned;
    const reason = new Error('cancelled by the user');
    const asked = ask(stalls('half '), { signal: controller.signal, env: { LLM_SILENCE_TIMEOUT_MS: '60000' } });
    while (!llm.requests.length) await new Promise(setImmediate);
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort(reason);
    expect((await asked).thrown).toBe(reason);
    while (llm.abandoned === abandoned) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
