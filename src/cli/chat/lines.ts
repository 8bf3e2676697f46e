import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export interface Terminal {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean };
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C. */
  interrupt: AbortController;
}

/** More typed lines than this wait in the input. */
const MOST_WAITING = 1_000;

/** What is typed, line by line, for whoever asks for the next line. The input is not touched before somebody does. */
export class Lines {
  private readonly typed: string[] = [];
  private reader: Interface | undefined;
  private take: ((line: string | null) => void) | null = null;
  private ended = false;

  constructor(private readonly terminal: Terminal) {}

  /** The next line; null when the input has ended, by Ctrl-C too, or `signal` aborts. One at a time. */
  async next(prompt: string, signal: AbortSignal): Promise<string | null> {
    const reader = (this.reader ??= this.open());
    if (signal.aborted) return null;
    if (this.typed.length > 0) return this.typed.shift()!;
    if (this.ended) return null;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const give = (): void => resolve(null);
    this.take = resolve;
    signal.addEventListener('abort', give, { once: true });
    reader.setPrompt(prompt);
    reader.prompt();
    try {
      return await promise;
    } finally {
      if (this.take === resolve) this.take = null;
      signal.removeEventListener('abort', give);
    }
  }

  close(): void {
    this.reader?.close();
  }

  private open(): Interface {
    const { stdin, stderr, interrupt } = this.terminal;
    const reader = createInterface({ input: stdin, output: stderr, terminal: stdin.isTTY ?? false });
    reader.on('line', (line) => this.onLine(line)).on('close', () => this.end());
    reader.on('SIGINT', () => interrupt.abort());
    interrupt.signal.addEventListener('abort', () => reader.close(), { once: true });
    if (interrupt.signal.aborted) reader.close();
    return reader;
  }

  private onLine(line: string): void {
    const take = this.take;
    this.take = null;
    if (take !== null) return take(line);
    this.typed.push(line);
    if (this.typed.length >= MOST_WAITING) this.reader?.pause();
  }

  private end(): void {
    this.ended = true;
    this.take?.(null);
  }
}
