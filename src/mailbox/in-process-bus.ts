import { Injectable } from '@nestjs/common';
import { FailureReporter } from '../errors';
import { UserBus, type UserSignal, type UserSignalListener, type UserSubscription } from './user-bus';

/** The bus of a deployment of one process, and the part of any bus that is within this process. */
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

  override subscribe(userId: string, listener: UserSignalListener): UserSubscription {
    const listeners = this.listeners.get(userId) ?? new Set();
    this.listeners.set(userId, listeners.add(listener));
    const end = (): void => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(userId) === listeners) this.listeners.delete(userId);
    };
    return { ready: Promise.resolve(), end };
  }

  override async echo(): Promise<void> {}

  /** Everybody who has a listener. */
  get users(): string[] {
    return [...this.listeners.keys()];
  }

  hears(userId: string): boolean {
    return this.listeners.has(userId);
  }
}
