import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import type { FactoryProvider } from '@nestjs/common';
import { AppConfig } from '../../config';
import { ComponentError } from '../../errors';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from '../agent';
import { type DrillFailure, type DrillRequest, readDrillRequest } from './drill-request';

/** Words written without a pause before the event loop gets a turn. */
const BURST = 64;

/** Writes `w0 w1 w2 …` and misbehaves on request, so that a checker can verify every character. Content: `DrillRequest`. */
@Agent({ name: 'drill', description: 'Writes numbered words and fails on request, to test with' })
export class DrillAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    const request = readDrillRequest(ctx.message);
    for (let step = 1; step <= request.think; step += 1) {
      yield ctx.thinking(`Thought ${step} of ${request.think}`, step);
    }
    for (let call = 1; call <= request.tools; call += 1) {
      yield* ctx.tool(
        'drill_tool',
        { call },
        () => call,
        (result) => `Call ${result} of ${request.tools}`,
      );
    }
    yield* writeWords(ctx, request);
  }
}

/** The agent where configuration allows it (development issuer or DRILL_AGENT=1), else null. */
export const drillProvider: FactoryProvider<DrillAgent | null> = {
  provide: DrillAgent,
  useFactory: (config: AppConfig) => (config.agents.drill ? new DrillAgent() : null),
  inject: [AppConfig],
};

async function* writeWords(ctx: AgentContext, request: DrillRequest): AgentStream {
  const failure = failureOf(ctx, request);
  const started = performance.now();
  for (let token = 0; token < request.tokens; token += 1) {
    if (token === failure?.at_token) yield* fail(ctx, failure);
    await pace(ctx.signal, request.per_second, token, started);
    yield token === 0 ? 'w0' : ` w${token}`;
  }
  if (request.tokens === failure?.at_token) yield* fail(ctx, failure);
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

async function* fail(ctx: AgentContext, { kind, at_token }: DrillFailure): AgentStream {
  const details = { at_token, attempt: ctx.attempt };
  switch (kind) {
    case 'throw':
      throw new Error(`drill was asked to throw at token ${at_token}`);
    case 'provider':
      throw ComponentError.agentSupervisor('AGENT_PROVIDER_FAILED', { details });
    case 'tool':
      yield* ctx.tool('drill_tool', details, () => Promise.reject(new Error('drill was asked for a failing tool')));
      return;
    case 'crash':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'hang':
      ctx.signal.throwIfAborted();
      await once(ctx.signal, 'abort');
      ctx.signal.throwIfAborted();
      return;
    default:
      kind satisfies never;
  }
}
