import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { BackgroundTask, ComponentError } from '../errors';

const NAME = /^[a-z][a-z-]*(\.[a-z][a-z-]*)*$/;
const DEFAULTS = { scope: 'cluster', attempts: 5, timeoutMs: 60_000 } as const;

/** A task with its schedule complete. */
export interface RegisteredTask {
  readonly name: string;
  readonly everyMs: number;
  readonly scope: 'cluster' | 'process';
  readonly attempts: number;
  readonly timeoutMs: number;
  readonly task: BackgroundTask;
}

/** Every background task of this process: all providers of all modules that are a `BackgroundTask`. */
@Injectable()
export class TaskRegistry implements OnModuleInit {
  private readonly tasks = new Map<string, RegisteredTask>();

  constructor(private readonly discovery: DiscoveryService) {}

  /** @throws ComponentError CONFIGURATION_INVALID (1006) for a name that is malformed or taken */
  onModuleInit(): void {
    const problems: string[] = [];
    for (const task of this.discovered()) {
      const { name, schedule } = task;
      if (!NAME.test(name)) problems.push(`${task.constructor.name}: ${name} does not match ${NAME.source}`);
      const twin = this.tasks.get(name)?.task;
      if (twin) problems.push(`${task.constructor.name}: ${twin.constructor.name} is called ${name} already`);
      this.tasks.set(name, { ...DEFAULTS, ...schedule, name, task });
    }
    if (problems.length > 0) throw ComponentError.dependencies('CONFIGURATION_INVALID', { details: { problems } });
  }

  all(scope: RegisteredTask['scope']): RegisteredTask[] {
    return [...this.tasks.values()].filter((task) => task.scope === scope);
  }

  find(name: string): RegisteredTask | undefined {
    return this.tasks.get(name);
  }

  /** @throws ComponentError BACKGROUND_TASK_UNKNOWN */
  get(name: string): RegisteredTask {
    const task = this.tasks.get(name);
    if (task !== undefined) return task;
    const details = { task: name, available: [...this.tasks.keys()] };
    throw ComponentError.integration('BACKGROUND_TASK_UNKNOWN', { details });
  }

  // A set, as an alias (useExisting) is a second provider of the same instance.
  private discovered(): Set<BackgroundTask> {
    const instances = this.discovery.getProviders().map(({ instance }): unknown => instance);
    return new Set(instances.filter((instance) => instance instanceof BackgroundTask));
  }
}
