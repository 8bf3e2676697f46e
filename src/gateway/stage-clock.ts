/** The stages of connecting, in their order. */
export type Stage = 'origin' | 'token' | 'session' | 'mailbox' | 'join';

/** Runs the stages of one handshake; knows how long each took, in which one it failed, and for whom. */
export class StageClock {
  /** In milliseconds. */
  readonly durations: Partial<Record<`${Stage}_ms`, number>> = {};
  /** Null until the token has said who it is. */
  userId: string | null = null;
  private readonly begun = performance.now();

  /** @param current the stage under way, or the one that failed */
  constructor(public current: Stage = 'origin') {}

  /** Since the beginning. */
  get seconds(): number {
    return (performance.now() - this.begun) / 1000;
  }

  async run<T>(stage: Stage, work: () => T | Promise<T>): Promise<T> {
    this.current = stage;
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.durations[`${stage}_ms`] = Math.round((performance.now() - started) * 10) / 10;
    }
  }
}
