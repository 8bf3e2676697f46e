import { Injectable } from '@nestjs/common';
import type { FailureRecord } from './failure-record';

type Listener = (record: FailureRecord) => void;

/** Tells of every failure once it is kept. */
@Injectable()
export class FailureFeed {
  private readonly listeners: Listener[] = [];

  /** `listener` must not throw. */
  subscribe(listener: Listener): void {
    this.listeners.push(listener);
  }

  publish(record: FailureRecord): void {
    for (const listener of this.listeners) listener(record);
  }
}
