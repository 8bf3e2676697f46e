/** The stages of connecting, in their order. */
export type Stage = 'origin' | 'token' | 'session' | 'mailbox' | 'join';

/** Runs the stages of one handshake; knows how long each took, and in which one it failed. */
export class StageClock {
  readonly durations: Partial<Record<Stage, number>> = {};
  /** The stage under way, or the one that failed. */
  current: Stage = 'origin';

  async run<T>(stage: Stage, work: () => T | Promise<T>): Promise<T> {
    this.current = stage;
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.durations[stage] = Math.round((performance.now() - started) * 10) / 10;
    }
  }
}
