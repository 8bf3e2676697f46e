import { Injectable } from '@nestjs/common';
import { FailureReporter } from '../errors';
import { UserBus, type UserSignal, type UserSignalListener } from './user-bus';

/** The bus of a deployment of one process. */
@Injectable()
export class InProcessBus extends UserBus {
  private readonly listeners = new Map<string, Set<UserSignalListener>>();

  constructor(private readonly reporter: FailureReporter) {
    super();
  }

  override publish(userId: string, signal: UserSignal): void {
    for (const listener of [...(this.listeners.get(userId) ?? [])]) {
      try {
        listener(signal);
      } catch (error) {
        void this.reporter.report(error, { operation: 'bus.publish', user_id: userId });
      }
    }
  }

  override subscribe(userId: string, listener: UserSignalListener): () => void {
    const listeners = this.listeners.get(userId) ?? new Set();
    this.listeners.set(userId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(userId) === listeners) this.listeners.delete(userId);
    };
  }
}
