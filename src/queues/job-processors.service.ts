import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { TaskWatch } from '../tasks';
import { DeliveryProcessor } from './delivery.processor';
import type { Processors } from './queue-definitions';
import { RecoveryProcessor } from './recovery.processor';
import { RunProcessor } from './run.processor';
import { TaskProcessor } from './task.processor';

/** The processor of every queue, in a process that runs jobs. */
@Injectable()
export class JobProcessors {
  constructor(
    private readonly runs: RunProcessor,
    private readonly tasks: TaskProcessor,
    private readonly recovery: RecoveryProcessor,
    private readonly messages: DeliveryProcessor,
    private readonly watch: TaskWatch,
    private readonly config: AppConfig,
  ) {}

  /** None in a gateway, which only enqueues. */
  all(): Partial<Processors> {
    if (!this.config.server.runsJobs) return {};
    return {
      'agent-runs': (data) => this.runs.process(data),
      'background-tasks': (data, attempt) => this.tasks.process(data, attempt),
      'message-recovery': (data) => this.recovery.look(data),
      'fallback-delivery': (data) => this.recovery.deliver(data),
      'alert-deliveries': (data, attempt) => this.messages.process(data, attempt),
    };
  }

  /** The queues have opened: schedules what is not scheduled. */
  opened(): void {
    void this.watch.trigger();
  }

  /** Jobs do not wait for the database any more, and what this process sees while it goes down alerts nobody. */
  stop(): void {
    this.runs.stop();
    this.tasks.stop();
    this.recovery.stop();
    this.messages.stop();
  }
}
