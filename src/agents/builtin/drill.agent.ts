import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { FactoryProvider } from '@nestjs/common';
import { AppConfig } from '../../config';
import { ComponentError } from '../../errors';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from '../agent';
import { type DrillFailure, type DrillRequest, readDrillRequest } from './drill-request';

/** Words written without a pause before the event loop gets a turn. */
const BURST = 64;

/** How long `block` keeps the event loop: longer than a heartbeat may be late. */
const BLOCK_MS = 6_000;

/** Writes `w0 w1 w2 …` and misbehaves on request, so that a checker can verify every character. Content: `DrillRequest`. */
@Agent({ name: 'drill', description: 'Writes numbered words and fails on request, to test with', continues: true })
export class DrillAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    const request = readDrillRequest(ctx.message);
    const failure = failureOf(ctx, request);
    for (let step = 1; step <= request.think; step += 1) {
      if (step === 1 && failure?.phase === 'think') await fail(ctx, failure, ctx.signal);
      yield ctx.thinking(`Thought ${step} of ${request.think}`, step);
    }
    for (let call = 1; call <= request.tools; call += 1) {
      const failing = call === 1 && failure?.phase === 'tool' ? failure : undefined;
      yield* ctx.tool('drill_tool', { call }, (signal) => useTool(ctx, call, signal, failing), {
        idempotent: request.idempotent,
        summary: (result) => `Call ${result} of ${request.tools}`,
      });
    }
    if (request.call) yield* ctx.run('drill', JSON.stringify(request.call));
    yield* writeWords(ctx, request);
  }
}

/** The agent where configuration allows it (development issuer or DRILL_AGENT=1), else null. */
export const drillProvider: FactoryProvider<DrillAgent | null> = {
  provide: DrillAgent,
  useFactory: (config: AppConfig) => (config.agents.drill ? new DrillAgent() : null),
  inject: [AppConfig],
};

async function useTool(ctx: AgentContext, call: number, signal: AbortSignal, failure?: DrillFailure): Promise<number> {
  if (failure) await fail(ctx, failure, signal);
  return call;
}

async function* writeWords(ctx: AgentContext, request: DrillRequest): AgentStream {
  const { tokens, words_per_step: length } = request;
  const failure = failureOf(ctx, request);
  for (let from = 0; length > 0 && from < tokens; from += length)
    yield* ctx.stream(`words-${from}`, () => words(ctx, request, from, Math.min(from + length, tokens)));
  if (length === 0) yield* words(ctx, request, 0, tokens);
  await askAt(tokens, ctx, request);
  if (failure?.phase === 'text' && tokens === failure.at_token) yield* failInText(ctx, failure);
}

async function* words(ctx: AgentContext, request: DrillRequest, from: number, to: number): AgentStream {
  const failure = failureOf(ctx, request);
  const started = performance.now();
  for (let token = from; token < to; token += 1) {
    await askAt(token, ctx, request);
    if (failure?.phase === 'text' && token === failure.at_token) yield* failInText(ctx, failure);
    await pace(ctx.signal, request.per_second, token - from, started);
    yield token === 0 ? 'w0' : ` w${token}`;
  }
}

/** Any text will do: the words stay what they are. */
async function askAt(token: number, ctx: AgentContext, { ask }: DrillRequest): Promise<void> {
  if (ask?.at_token === token) await ctx.ask({ prompt: ask.prompt, expires_in: ask.expires_in });
}

function failureOf(ctx: AgentContext, { fail }: DrillRequest): DrillFailure | undefined {
  return fail?.on_attempts === undefined || fail.on_attempts.includes(ctx.attempt) ? fail : undefined;
}

/** Waits until `token` is due, counted from the start so that it does not drift. */
async function pace(signal: AbortSignal, perSecond: number, token: number, started: number): Promise<void> {
  signal.throwIfAborted();
  const wait = perSecond === 0 ? 0 : started + (token * 1000) / perSecond - performance.now();
  if (wait >= 1) await delay(wait, undefined, { signal });
  else if (token % BURST === 0) await nextTurn();
}

async function* failInText(ctx: AgentContext, failure: DrillFailure): AgentStream {
  if (failure.kind !== 'tool') return await fail(ctx, failure, ctx.signal);
  const { at_token } = failure;
  yield* ctx.tool('drill_tool', { at_token, attempt: ctx.attempt }, (signal) => fail(ctx, failure, signal));
}

/** @throws what was asked for; `hang` lasts until the signal is aborted, `block` is over after a while */
async function fail(ctx: AgentContext, { kind, at_token }: DrillFailure, signal: AbortSignal): Promise<void> {
  const details = { at_token, attempt: ctx.attempt };
  switch (kind) {
    case 'throw':
      throw new Error(`drill was asked to throw at token ${at_token}`);
    case 'provider':
      throw ComponentError.agentSupervisor('AGENT_PROVIDER_FAILED', { details });
    case 'tool':
      throw new Error('drill was asked for a failing tool');
    case 'crash':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'block':
      for (const end = performance.now() + BLOCK_MS; performance.now() < end;);
      return;
    case 'hang':
      signal.throwIfAborted();
      await once(signal, 'abort');
      signal.throwIfAborted();
      return;
    default:
      kind satisfies never;
  }
}
