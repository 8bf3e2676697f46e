import { ComponentError } from '../../errors';

/** Counts the connections of each user against a limit. */
export class ConnectionCounter {
  private readonly counts = new Map<string, number>();

  constructor(private readonly limit: number) {}

  /** @returns what gives the place back; harmless when called again. @throws ComponentError CONNECTION_LIMIT */
  take(userId: string): () => void {
    const count = this.counts.get(userId) ?? 0;
    if (count >= this.limit) throw ComponentError.factory('CONNECTION_LIMIT', { details: { limit: this.limit } });
    this.counts.set(userId, count + 1);
    let held = true;
    return () => {
      if (held) this.giveBack(userId);
      held = false;
    };
  }

  /** Connections of all users. */
  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  private giveBack(userId: string): void {
    const count = (this.counts.get(userId) ?? 1) - 1;
    if (count > 0) this.counts.set(userId, count);
    else this.counts.delete(userId);
  }
}
