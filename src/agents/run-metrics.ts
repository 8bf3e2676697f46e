import { Injectable } from '@nestjs/common';
import type { RunStatus } from '@clarion/protocol';
import { Counter, Gauge, Histogram } from 'prom-client';
import { MetricsRegistry } from '../telemetry';
import { ActiveRuns } from './active-runs';

/** `queue`: accepted to started. `first_output`: leased to the first output of an attempt. `execution`: started to ended. */
type RunPhase = 'queue' | 'first_output' | 'execution';

const ACTIVE_STATES = ['queued', 'running', 'waiting'] as const satisfies RunStatus[];

/** What becomes of runs, and what models cost. */
@Injectable()
export class RunMetrics {
  private readonly states: Gauge<'state'>;
  private readonly ended: Counter<'status'>;
  private readonly phases: Histogram<'phase'>;
  private readonly firstChunk: Histogram<'model'>;
  private readonly calls: Histogram<'model' | 'outcome'>;
  private readonly tokens: Counter<'model' | 'type'>;

  constructor(registry: MetricsRegistry, active: ActiveRuns) {
    const registers = [registry];
    new Gauge({
      name: 'clarion_runs_active',
      help: 'Runs that this process advances now.',
      registers,
      collect() {
        this.set(active.size);
      },
    });
    this.states = new Gauge({
      name: 'clarion_runs',
      help: 'Runs of all processes that have not ended, by state: queued, running, waiting; counted every 5 s.',
      labelNames: ['state'],
      registers,
    });
    this.ended = new Counter({
      name: 'clarion_runs_ended_total',
      help: 'Runs that this process has ended, by status: completed, failed, cancelled.',
      labelNames: ['status'],
      registers,
    });
    this.phases = new Histogram({
      name: 'clarion_run_phase_duration_seconds',
      help: 'How long the phases of runs took: queue (accepted to started), first_output (leased to first output), execution (started to ended).',
      labelNames: ['phase'],
      buckets: [0.01, 0.05, 0.2, 1, 5, 20, 60, 300, 1_800],
      registers,
    });
    this.firstChunk = new Histogram({
      name: 'clarion_provider_first_chunk_seconds',
      help: 'From a request to a model to the first piece of its answer.',
      labelNames: ['model'],
      buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60],
      registers,
    });
    this.calls = new Histogram({
      name: 'clarion_provider_request_duration_seconds',
      help: 'How long requests to models took as a whole, by outcome: completed, failed, abandoned.',
      labelNames: ['model', 'outcome'],
      buckets: [0.1, 0.5, 1, 2, 5, 15, 60, 300],
      registers,
    });
    this.tokens = new Counter({
      name: 'clarion_provider_tokens_total',
      help: 'Tokens that models have counted, by type: input, output.',
      labelNames: ['model', 'type'],
      registers,
    });
  }

  /** `null`: not known now. */
  active(counts: ReadonlyMap<string, number> | null): void {
    this.states.reset();
    if (counts) for (const state of ACTIVE_STATES) this.states.set({ state }, counts.get(state) ?? 0);
  }

  runEnded(status: RunStatus): void {
    this.ended.inc({ status });
  }

  phase(phase: RunPhase, ms: number): void {
    this.phases.observe({ phase }, ms / 1000);
  }

  modelCall(model: string, outcome: 'completed' | 'failed' | 'abandoned', ms: number): void {
    this.calls.observe({ model, outcome }, ms / 1000);
  }

  modelAnswers(model: string, afterMs: number): void {
    this.firstChunk.observe({ model }, afterMs / 1000);
  }

  tokensUsed(model: string, { input, output }: { readonly input: number; readonly output: number }): void {
    this.tokens.inc({ model, type: 'input' }, input);
    this.tokens.inc({ model, type: 'output' }, output);
  }
}
