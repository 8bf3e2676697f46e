import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ActiveRuns } from './active-runs';
import { AgentRegistry } from './agent-registry';
import { AttemptFailures } from './attempt-failures.service';
import { AttemptSteps } from './attempt-steps.service';
import { AttemptText } from './attempt-text';
import { BUILTIN_AGENTS } from './builtin';
import { Checkpoints } from './checkpoints.service';
import { DispatchCanary } from './dispatch-canary.service';
import { Dispatcher } from './dispatcher.service';
import { LeaseBatch } from './lease-batch.service';
import { MessageBatch } from './message-batch.service';
import { MessageIntake } from './message-intake.service';
import { MODELS_AND_TOOLS } from './models-and-tools';
import { NextAttempts } from './next-attempts.service';
import { OutputSink } from './output-sink.service';
import { ProviderCircuits } from './provider-circuits.service';
import { Reconciler } from './reconciler.service';
import { RetryPolicy } from './retry-policy.service';
import { RunAttempts } from './run-attempts.service';
import { RunClaims } from './run-claims.store';
import { RunDatabase } from './run-database.service';
import { RunEnding } from './run-ending.service';
import { RunExecutor } from './run-executor.service';
import { RunFailures } from './run-failures.service';
import { RunFollowers } from './run-followers.service';
import { RunInputs } from './run-inputs.store';
import { RunLeases } from './run-leases.service';
import { RunMetrics } from './run-metrics';
import { RunQuestions } from './run-questions.service';
import { RunRetry } from './run-retry.service';
import { RunStops } from './run-stops.service';
import { RunStateSampling } from './run-state-sampling.service';
import { RunSteps } from './run-steps.store';
import { RunStore } from './run.store';
import { RunWriters } from './run-writers.service';
import { RunWrites } from './run-writes.service';
import { SupervisorIndicator } from './supervisor.indicator';
import { Supervisor } from './supervisor.service';
import { ThreadDeletion } from './thread-deletion.service';
import { ThreadStore } from './thread.store';
import { Threads } from './threads.service';
import { UserErasure } from './user-erasure.service';
import { WaitBounds } from './wait-bounds.service';
import { Workers } from './workers.service';

/** The execution engine: accepts messages, advances their runs, and lets none be lost. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ...BUILTIN_AGENTS,
    ...MODELS_AND_TOOLS,
    ActiveRuns,
    AgentRegistry,
    AttemptFailures,
    AttemptSteps,
    AttemptText,
    Checkpoints,
    DispatchCanary,
    Dispatcher,
    LeaseBatch,
    MessageBatch,
    MessageIntake,
    NextAttempts,
    OutputSink,
    ProviderCircuits,
    Reconciler,
    RetryPolicy,
    RunAttempts,
    RunClaims,
    RunDatabase,
    RunEnding,
    RunExecutor,
    RunFailures,
    RunFollowers,
    RunInputs,
    RunLeases,
    RunMetrics,
    RunQuestions,
    RunRetry,
    RunStateSampling,
    RunSteps,
    RunStops,
    RunStore,
    RunWriters,
    RunWrites,
    Supervisor,
    SupervisorIndicator,
    ThreadDeletion,
    ThreadStore,
    Threads,
    UserErasure,
    WaitBounds,
    Workers,
  ],
  exports: [
    ActiveRuns,
    AgentRegistry,
    MessageIntake,
    ProviderCircuits,
    RunEnding,
    RunExecutor,
    RunQuestions,
    RunRetry,
    RunStore,
    Supervisor,
    ThreadDeletion,
    Threads,
    UserErasure,
    Workers,
  ],
})
export class AgentsModule {}
