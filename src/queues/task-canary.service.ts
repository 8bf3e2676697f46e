import { Injectable } from '@nestjs/common';
import { QueueCanary } from './queue-canary.service';

/** No task can have such a name: it has digits. */
const NAME = /^health-check-[0-9a-f-]{36}$/;

/** Wakes a task that does nothing, the way of every background task. */
@Injectable()
export class TaskCanary extends QueueCanary {
  /** Whether it is one, of whatever process; nothing is left to be done then. */
  takes(task: string): boolean {
    if (task === this.id) this.arrived({ id: task });
    return NAME.test(task);
  }

  protected override dataOf(task: string): object {
    return { task };
  }
}
