import fc from 'fast-check';
import {
  AnswerAssembler,
  type AgentDelta,
  type DurableEvent,
  type DurableEventType,
  type RunView,
} from '@clarion/protocol';
import { type LoggedEvent, parsePage } from '../mailbox';
import { Delivery, type DeliveryPorts, GapInLog } from './delivery';

const RUN = '01940000-0000-7000-8000-000000000001';

function event(seq: number, type: DurableEventType = 'agent_progress', attempt: number | null = null): DurableEvent {
  return { seq, type, run_id: RUN, attempt, recovered: false, data: {} } as DurableEvent;
}

function logged({ seq, type, run_id, attempt, data }: DurableEvent): LoggedEvent {
  const line = [seq, type, '', run_id, attempt ?? '', 'null', 'f', 0, JSON.stringify(data)].join('\t');
  return parsePage({ user_id: 'ann', epoch: 'epoch' }, line)[0] as LoggedEvent;
}

function delta(attempt: number, index: number, text = 'x'): AgentDelta {
  return { run_id: RUN, attempt, path: null, index, text };
}

function running(attempt: number, text: string): RunView {
  return { run_id: RUN, attempt, text, status: 'running' } as RunView;
}

/** A log that is read page by page, and a client that writes down what it gets. */
class Bench implements DeliveryPorts {
  readonly log: DurableEvent[] = [];
  readonly got: (DurableEvent | AgentDelta)[] = [];
  readonly answers = new AnswerAssembler();
  readonly problems: unknown[] = [];
  readonly snapshots: RunView[] = [];
  readonly positions: number[] = [];
  /** What is kept of the run. */
  kept: RunView | null = null;
  reads = 0;
  failing = false;
  delivery: Delivery;

  constructor(sent = 0, head = 0) {
    this.delivery = new Delivery(sent, head, this);
  }

  async read(seq: number, limit: number): Promise<LoggedEvent[]> {
    await Promise.resolve();
    if (this.failing) throw new Error('away');
    return this.page(seq, Math.min(limit, 3));
  }

  page(seq: number, limit: number): LoggedEvent[] {
    return this.log
      .filter((entry) => entry.seq > seq)
      .slice(0, limit)
      .map(logged);
  }

  emitPage(page: readonly LoggedEvent[], recovered: boolean): void {
    for (const event of page) this.emitEvent(JSON.parse(event.json(recovered)) as DurableEvent);
  }

  emitEvent(sent: DurableEvent): void {
    this.got.push(sent);
    this.answers.accept(sent.type, sent);
  }

  emitPosition({ position }: { position: number }): void {
    this.positions.push(position);
  }

  emitDelta(sent: AgentDelta): void {
    this.got.push(sent);
    this.answers.accept('agent_delta', sent);
  }

  emitSnapshot(run: RunView): void {
    this.snapshots.push(run);
    this.answers.accept('run_snapshot', run);
  }

  async readRun(): Promise<RunView | null> {
    this.reads += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return this.kept;
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  reportUnread(error: unknown): void {
    this.problems.push(error);
  }

  get seqs(): number[] {
    return this.got.flatMap((entry) => ('seq' in entry ? [entry.seq] : []));
  }

  get deltas(): AgentDelta[] {
    return this.got.filter((entry): entry is AgentDelta => 'index' in entry);
  }

  append(...events: DurableEvent[]): void {
    this.log.push(...events);
  }

  publish(...events: DurableEvent[]): void {
    this.delivery.accept({ kind: 'events', events });
  }

  publishDelta(sent: AgentDelta): void {
    this.delivery.accept({ kind: 'delta', delta: sent });
  }

  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('Delivery', () => {
  it('emits what is exactly next at once', () => {
    const bench = new Bench();
    bench.delivery.goLive(() => undefined);
    bench.publish(event(1), event(2));
    expect(bench.seqs).toEqual([1, 2]);
  });

  it('reads a jump from the log', async () => {
    const bench = new Bench();
    bench.append(event(1), event(2), event(3), event(4), event(5));
    bench.delivery.goLive(() => undefined);
    bench.publish(event(5));
    await bench.settled();
    expect(bench.seqs).toEqual([1, 2, 3, 4, 5]);
  });

  it('tells of a position once what came before it is sent, and only the last one', async () => {
    const bench = new Bench();
    const move = (position: number) => bench.delivery.accept({ kind: 'position', position: { run_id: RUN, position } });
    bench.append(event(1), event(2), event(3));
    move(3);
    expect(bench.positions).toEqual([]);
    bench.delivery.goLive(() => undefined);
    expect(bench.positions).toEqual([3]);
    bench.publish(event(3));
    move(2);
    move(1);
    expect(bench.positions).toEqual([3]);
    await bench.settled();
    expect(bench.seqs).toEqual([1, 2, 3]);
    expect(bench.positions).toEqual([3, 1]);
  });

  it('reads what no signal told of once the head is known', async () => {
    const bench = new Bench();
    bench.append(event(1), event(2), event(3));
    bench.delivery.goLive(() => undefined);
    bench.publish(event(1));
    bench.delivery.reach(3);
    bench.delivery.reach(2);
    await bench.settled();
    expect(bench.seqs).toEqual([1, 2, 3]);
  });

  it('replays no further than the head that the snapshots belong to, whatever is published meanwhile', async () => {
    const bench = new Bench(0, 2);
    bench.append(event(1, 'agent_started', 1), event(2), event(3, 'agent_completed', 1), event(4));
    const order: (number | 'snapshot')[] = [];
    jest.spyOn(bench, 'emitEvent').mockImplementation(({ seq }) => void order.push(seq));
    jest.spyOn(bench, 'emitSnapshot').mockImplementation(() => void order.push('snapshot'));
    const replayed = bench.delivery.replay();
    bench.publish(event(3, 'agent_completed', 1), event(4));
    await replayed;
    await bench.delivery.show([{ run_id: RUN, attempt: 1, text: '' } as RunView]);
    bench.delivery.goLive(() => undefined);
    await bench.settled();
    expect(order).toEqual([1, 2, 'snapshot', 3, 4]);
  });

  it('replays as recovered up to the head, then what came meanwhile as it is', async () => {
    const bench = new Bench(1, 3);
    bench.append(event(1), event(2), event(3), event(4));
    const replayed = bench.delivery.replay();
    bench.publish(event(4));
    await replayed;
    bench.delivery.goLive(() => undefined);
    await bench.settled();
    expect(bench.seqs).toEqual([2, 3, 4]);
  });

  it('replays from a first page that was read before, and reads on from there', async () => {
    const bench = new Bench(1, 6);
    bench.append(event(1), event(2), event(3), event(4), event(5), event(6));
    await bench.delivery.replay(bench.page(1, 2));
    expect(bench.seqs).toEqual([2, 3, 4, 5, 6]);
    expect(bench.got).toEqual(bench.got.map((entry) => ({ ...entry, recovered: true })));
  });

  it('does not take a first page that leaves events out for what comes next', async () => {
    const bench = new Bench(1, 4);
    bench.append(event(3), event(4));
    await expect(bench.delivery.replay(bench.page(1, 2))).rejects.toThrow(GapInLog);
    expect(bench.seqs).toEqual([]);
  });

  it('holds deltas of an attempt until the event that begins it was emitted', async () => {
    const bench = new Bench();
    bench.append(event(1), event(2, 'agent_started', 1));
    bench.delivery.goLive(() => undefined);
    bench.publish(event(2, 'agent_started', 1));
    bench.publishDelta(delta(1, 0));
    expect(bench.deltas).toEqual([]);
    await bench.settled();
    expect(bench.seqs).toEqual([1, 2]);
    expect(bench.got.at(-1)).toEqual(delta(1, 0));
  });

  it('drops deltas of an attempt that is over, and of a run that has ended', () => {
    const bench = new Bench();
    bench.delivery.goLive(() => undefined);
    bench.publish(event(1, 'agent_started', 1), event(2, 'agent_recovering', 2));
    bench.publishDelta(delta(1, 7));
    bench.publishDelta(delta(2, 0));
    bench.publish(event(3, 'agent_completed', 2));
    bench.publishDelta(delta(2, 1));
    expect(bench.deltas).toEqual([delta(2, 0)]);
  });

  it('shows a fresh snapshot where it had to drop deltas', async () => {
    const bench = new Bench(0, 1);
    bench.append(event(1, 'agent_started', 1));
    for (let index = 0; index < 2_001; index += 1) bench.publishDelta(delta(1, index));
    bench.kept = running(1, 'x'.repeat(2_001));
    await bench.delivery.replay();
    bench.delivery.goLive(() => undefined);
    expect(bench.deltas).toHaveLength(2_000);
    await bench.settled();
    expect(bench.snapshots).toEqual([bench.kept]);
  });

  it('lets no delta through past a gap until a snapshot covers it', async () => {
    const bench = new Bench(0, 1);
    bench.append(event(1, 'agent_started', 1));
    await bench.delivery.replay();
    bench.delivery.goLive(() => undefined);
    bench.publishDelta(delta(1, 0, 'a'));
    bench.publishDelta(delta(1, 2, 'c'));
    bench.kept = running(1, 'a');
    await bench.settled();
    expect(bench.answers.get(RUN)).toMatchObject({ answer: 'a', missed: false });
    bench.publishDelta(delta(1, 3, 'd'));
    bench.kept = running(1, 'abc');
    await bench.settled();
    await bench.settled();
    expect(bench.answers.get(RUN)).toMatchObject({ answer: 'abcd', missed: false });
    expect(bench.snapshots).toEqual([bench.kept]);
    expect(bench.deltas.at(-1)).toEqual(delta(1, 3, 'd'));
  });

  it('shows the runs under way anew after a doubt, once it was compared with the head', async () => {
    const bench = new Bench(0, 1);
    bench.append(event(1, 'agent_started', 1), event(2, 'agent_recovering', 2));
    await bench.delivery.replay();
    bench.delivery.goLive(() => undefined);
    bench.kept = running(2, 'abc');
    bench.delivery.accept({ kind: 'doubt' });
    await bench.settled();
    expect(bench.reads).toBe(0);
    bench.delivery.reach(2);
    await bench.settled();
    await bench.settled();
    expect(bench.seqs).toEqual([1, 2]);
    expect(bench.snapshots).toEqual([bench.kept]);
    await bench.settled();
    expect(bench.reads).toBe(1);
  });

  it('never shows a wrong text, and in the end the whole one, whatever deltas are lost and however late they are kept', async () => {
    const loss = fc.record({ lost: fc.boolean(), keeps: fc.boolean(), pause: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(loss, { minLength: 1, maxLength: 40 }), async (acts) => {
        const bench = new Bench(0, 1);
        bench.append(event(1, 'agent_started', 1));
        await bench.delivery.replay();
        bench.delivery.goLive(() => undefined);
        let text = '';
        bench.kept = running(1, '');
        for (const [at, { lost, keeps, pause }] of acts.entries()) {
          const piece = `${at} `;
          if (!lost) bench.publishDelta(delta(1, text.length, piece));
          text += piece;
          if (keeps) bench.kept = running(1, text);
          if (pause) await bench.settled();
          expect(text.startsWith(bench.answers.get(RUN)?.answer ?? '')).toBe(true);
          expect(bench.answers.get(RUN)?.missed).toBe(false);
        }
        bench.kept = running(1, text);
        bench.publishDelta(delta(1, text.length, 'end'));
        await bench.settled();
        await bench.settled();
        await bench.settled();
        expect(bench.answers.get(RUN)).toMatchObject({ answer: `${text}end`, missed: false });
      }),
    );
  });

  it('stands still when the log cannot be read, and goes on where it stood', async () => {
    const bench = new Bench();
    bench.append(event(1), event(2));
    bench.delivery.goLive(() => undefined);
    bench.failing = true;
    bench.publish(event(2));
    await bench.settled();
    expect(bench.problems).toHaveLength(1);
    bench.failing = false;
    bench.delivery.resume();
    await bench.settled();
    expect(bench.seqs).toEqual([1, 2]);
  });

  it('tells of a log with a hole instead of skipping it', async () => {
    const bench = new Bench();
    bench.append(event(1), event(3));
    bench.delivery.goLive(() => undefined);
    bench.publish(event(3));
    await bench.settled();
    expect(bench.seqs).toEqual([1]);
    expect(bench.problems).toHaveLength(1);
  });

  it('delivers every event once and in order, whatever is lost, doubled or late among the publications', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.array(fc.nat(29), { maxLength: 60 }),
        fc.nat(30),
        async (count, order, from) => {
          const start = Math.min(from, count);
          const bench = new Bench(start, count);
          for (let seq = 1; seq <= count; seq += 1) bench.append(event(seq));
          const replayed = bench.delivery.replay();
          for (const at of order.slice(0, 20)) if (at < bench.log.length) bench.publish(bench.log[at] as DurableEvent);
          await replayed;
          bench.delivery.goLive(() => undefined);
          for (const at of order) {
            bench.append(event(bench.log.length + 1));
            const published = bench.log[Math.min(at + count, bench.log.length - 1)] as DurableEvent;
            bench.publish(published);
            if (at % 3 === 0) await bench.settled();
          }
          if (bench.log.length > 0) bench.publish(bench.log.at(-1) as DurableEvent);
          await bench.settled();
          await bench.settled();
          expect(bench.seqs).toEqual(bench.log.map(({ seq }) => seq).filter((seq) => seq > start));
        },
      ),
      { numRuns: 200 },
    );
  });
});
