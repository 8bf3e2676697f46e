import type { DurableEvent, ErrorBody } from '@clarion/protocol';
import { ClarionClient } from './client';
import type { ClarionClientOptions, ClarionRun } from './options';

export const words = (count: number): string => Array.from({ length: count }, (_, index) => `w${index}`).join(' ');

/** A client of the SDK and everything it told. */
export class Recorded {
  readonly events: DurableEvent[] = [];
  readonly problems: ErrorBody[] = [];
  readonly client: ClarionClient;

  constructor(options: ClarionClientOptions) {
    this.client = new ClarionClient({
      reconnect: { minMs: 20, maxMs: 500 },
      onProblem: (_, error) => this.problems.push(error),
      ...options,
    });
    this.client.on('event', (event) => this.events.push(event));
  }

  drill(request: object): ClarionRun {
    return this.client.send(JSON.stringify(request), { agent: 'drill' });
  }

  of(type: DurableEvent['type']): DurableEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  /** Every durable event once, without a gap. */
  expectGapless(): void {
    const seqs = this.events.map(({ seq }) => seq);
    const first = seqs[0] ?? 0;
    expect(seqs).toEqual(Array.from(seqs, (_, index) => first + index));
  }
}

/** Reads a run as an application does. */
export async function read(run: ClarionRun): Promise<string> {
  let shown = '';
  for await (const { index, text } of run) shown = shown.slice(0, index) + text;
  return shown;
}
