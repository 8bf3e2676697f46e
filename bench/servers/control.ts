/** Tells the benchmark that this server listens, and answers its questions about memory. Needs --expose-gc. */
export function serveBenchmark(): void {
  process.on('message', (question) => {
    if (question !== 'memory') return;
    global.gc?.();
    process.send?.({ memory: process.memoryUsage().rss });
  });
  // A profiler writes at an orderly exit.
  process.on('SIGINT', () => process.exit(0));
  process.send?.('ready');
}
