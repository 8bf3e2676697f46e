import type { AgentOutput } from '../agent';

const AT_MOST_EVERY_MS = 500;

/** The newest report of progress, until somebody takes it. */
export class Progress {
  private reportedAt = Number.NEGATIVE_INFINITY;
  private waiting = Promise.withResolvers<AgentOutput>();

  /** Each report is a durable event: those that come too fast are dropped. */
  report(output: AgentOutput): void {
    if (performance.now() - this.reportedAt < AT_MOST_EVERY_MS) return;
    this.reportedAt = performance.now();
    this.waiting.resolve(output);
  }

  /** The next report; the same promise until `taken`. */
  next(): Promise<AgentOutput> {
    return this.waiting.promise;
  }

  taken(): void {
    this.waiting = Promise.withResolvers<AgentOutput>();
  }
}

/** What `stream` yields, and between it what is reported meanwhile. */
export async function* withProgress<R>(
  stream: AsyncGenerator<AgentOutput, R, void>,
  progress: Progress,
): AsyncGenerator<AgentOutput, R, void> {
  let pending = stream.next();
  try {
    for (;;) {
      const reported = progress.next().then((output) => ({ output }));
      const arrived = await Promise.race([pending, reported]);
      if ('output' in arrived) {
        progress.taken();
        yield arrived.output;
      } else if (arrived.done === true) {
        return arrived.value;
      } else {
        yield arrived.value;
        pending = stream.next();
      }
    }
  } finally {
    await stream.return(undefined as R);
  }
}
