import fc from 'fast-check';
import { AnswerAssembler, applyToAnswer, type AnswerEvent, type AnswerState } from './answer';
import type { DurableEvent, DurableEventDataMap, DurableEventType } from './events';
import { splitSafeEnd } from './text';
import type { RunView } from './views';

const RUN = '019a8f00-0000-7000-8000-000000000001';
const error = {} as DurableEventDataMap['agent_failed']['error'];

function durable<T extends DurableEventType>(type: T, attempt: number, data: DurableEventDataMap[T]): AnswerEvent {
  return { type, run_id: RUN, attempt, data } as unknown as DurableEvent;
}

function delta(attempt: number, index: number, text: string): AnswerEvent {
  return { type: 'agent_delta', run_id: RUN, attempt, path: null, index, text };
}

function snapshot(attempt: number, text: string, status: RunView['status'] = 'running'): AnswerEvent {
  return { type: 'run_snapshot', run_id: RUN, attempt, text, index: text.length, status } as unknown as AnswerEvent;
}

const started = durable('agent_started', 1, { agent: 'echo', max_attempts: 3 });

function retrying(attempt: number, keep_index: number): AnswerEvent {
  return durable('agent_retrying', attempt, { agent: 'echo', max_attempts: 3, delay_ms: 0, keep_index, error });
}

function completed(attempt: number, content: string): AnswerEvent {
  return durable('agent_completed', attempt, { message_id: RUN, content, usage: null, duration_ms: 1 });
}

function after(...events: AnswerEvent[]): AnswerState | undefined {
  return events.reduce<AnswerState | undefined>((state, event) => applyToAnswer(state, event), undefined);
}

describe('building an answer', () => {
  it('appends only what lies past the answer', () => {
    const state = after(started, delta(1, 0, 'Hello'), delta(1, 3, 'lo wor'), delta(1, 2, 'llo'), delta(1, 9, 'ld'));
    expect(state).toEqual({ run_id: RUN, attempt: 1, answer: 'Hello world', ended: false, missed: false });
  });

  it('appends nothing past a gap, and says that something was missed', () => {
    expect(after(started, delta(1, 0, 'He'), delta(1, 4, 'o'))).toMatchObject({ answer: 'He', missed: true });
  });

  it('cuts the answer to the keep_index of an event that begins an attempt', () => {
    expect(after(started, delta(1, 0, 'Hello'), retrying(2, 2))).toMatchObject({ attempt: 2, answer: 'He' });
  });

  it('knows that it lacks text when an attempt keeps more than it holds', () => {
    expect(after(started, delta(1, 0, 'He'), retrying(2, 4))).toMatchObject({ answer: 'He', missed: true });
  });

  it('forgets a gap that the next attempt cuts away', () => {
    expect(after(started, delta(1, 0, 'He'), delta(1, 4, 'o'), retrying(2, 1))).toMatchObject({ missed: false });
  });

  it('ignores deltas of a lower attempt', () => {
    expect(after(started, delta(1, 0, 'He'), retrying(2, 0), delta(1, 0, 'Hello'))).toMatchObject({ answer: '' });
  });

  it('ignores everything that is not terminal after the end of the run', () => {
    const ended = after(started, completed(1, 'Hello'));
    for (const late of [delta(1, 5, '!'), retrying(2, 0), snapshot(2, 'Something longer'), started]) {
      expect(applyToAnswer(ended, late)).toBe(ended);
    }
  });

  it('takes a snapshot of a higher attempt, shorter or not', () => {
    expect(after(started, delta(1, 0, 'Hello'), snapshot(2, 'X'))).toMatchObject({ attempt: 2, answer: 'X' });
  });

  it('takes a snapshot of the same attempt only where its text is longer', () => {
    expect(after(started, delta(1, 0, 'Hello'), snapshot(1, 'XXXXX'))).toMatchObject({ answer: 'Hello' });
    expect(after(started, delta(1, 0, 'Hello'), snapshot(1, 'Hello!'))).toMatchObject({ answer: 'Hello!' });
  });

  it('ignores a snapshot of a lower attempt', () => {
    expect(after(started, retrying(2, 0), snapshot(1, 'Hello'))).toMatchObject({ attempt: 2, answer: '' });
  });

  it('ends by the snapshot of a run that has ended', () => {
    expect(after(snapshot(1, 'Hello', 'cancelled'))).toMatchObject({ answer: 'Hello', ended: true });
    expect(after(snapshot(1, 'Hello'), snapshot(1, 'Hello', 'failed'))).toMatchObject({ answer: 'Hello', ended: true });
  });

  it('lets the completed content win over what was streamed', () => {
    const state = after(started, delta(1, 0, 'Hullo, and more'), completed(1, 'Hello'));
    expect(state).toMatchObject({ answer: 'Hello', ended: true });
  });

  it('keeps what had been written when a run fails or is cancelled', () => {
    expect(after(started, durable('agent_failed', 1, { error, content: 'Hel' }))?.answer).toBe('Hel');
    expect(after(started, durable('agent_cancelled', 1, { by: 'user', content: 'Hel' }))?.answer).toBe('Hel');
  });
});

describe('AnswerAssembler', () => {
  it('keeps one state per run and names the run that an event bears on', () => {
    const assembler = new AnswerAssembler();
    const other = '019a8f00-0000-7000-8000-000000000002';
    assembler.accept('agent_delta', delta(1, 0, 'one'));
    const state = assembler.accept('agent_delta', { ...delta(1, 0, 'two'), run_id: other });
    expect(state).toMatchObject({ run_id: other, answer: 'two' });
    expect(assembler.get(RUN)?.answer).toBe('one');
    assembler.forget(RUN);
    expect(assembler.get(RUN)).toBeUndefined();
  });

  it('passes over events that bear on no answer', () => {
    const assembler = new AnswerAssembler();
    expect(assembler.accept('run_queued', durable('run_queued', 1, { agent: 'echo', position: 0 }))).toBeUndefined();
    expect(assembler.accept('queue_position', { run_id: RUN, position: 1 })).toBeUndefined();
    expect(assembler.accept('an_event_of_the_future', null)).toBeUndefined();
    expect(assembler.get(RUN)).toBeUndefined();
  });
});

// One act of a server, with positions as fractions so that they fit whatever has been written by then.
const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), text: fc.string({ unit: 'binary' }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('repeat' as const), from: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('retry' as const), keep: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('snapshot' as const), upTo: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stale' as const) }) },
);

type Act = typeof act extends fc.Arbitrary<infer A> ? A : never;

/** An event that goes out, with the attempt and the text that the run has then. */
interface Step {
  event: AnswerEvent;
  attempt: number;
  text: string;
}

/** Plays a run as the protocol allows it. */
function play(acts: readonly Act[]): { steps: Step[]; attempt: number; text: string } {
  let attempt = 1;
  let text = '';
  const at = (fraction: number) => splitSafeEnd(text, Math.floor(fraction * text.length));
  const steps: Step[] = [{ event: started, attempt, text }];
  for (const next of acts) {
    let event: AnswerEvent;
    if (next.do === 'write') {
      event = delta(attempt, text.length, next.text);
      text += next.text;
    } else if (next.do === 'repeat') {
      event = delta(attempt, at(next.from), text.slice(at(next.from)));
    } else if (next.do === 'retry') {
      attempt += 1;
      text = text.slice(0, at(next.keep));
      event = retrying(attempt, text.length);
    } else if (next.do === 'snapshot') {
      event = snapshot(attempt, text.slice(0, at(next.upTo)));
    } else {
      event = delta(attempt - 1, text.length, 'of an attempt that is over');
    }
    steps.push({ event, attempt, text });
  }
  return { steps, attempt, text };
}

describe('any run that keeps to the protocol', () => {
  const acts = fc.array(act, { maxLength: 40 });

  it('is assembled exactly at every step, through overlaps, retries, late snapshots and stale deltas', () => {
    fc.assert(
      fc.property(acts, (script) => {
        const assembler = new AnswerAssembler();
        const { steps, attempt, text } = play(script);
        for (const { event, ...now } of steps) {
          const state = assembler.accept(event.type, event);
          expect(state).toEqual({ run_id: RUN, attempt: now.attempt, answer: now.text, ended: false, missed: false });
        }
        expect(assembler.accept('agent_completed', completed(attempt, text))).toMatchObject({
          answer: text,
          ended: true,
        });
      }),
    );
  });

  it('never shows a wrong text or half a character when deltas are lost, and is made whole by a snapshot', () => {
    fc.assert(
      fc.property(acts, fc.infiniteStream(fc.boolean()), (script, losses) => {
        let state: AnswerState | undefined;
        const { steps, attempt, text } = play(script);
        for (const { event, text: written } of steps) {
          if (event.type === 'agent_delta' && losses.next().value) continue;
          state = applyToAnswer(state, event);
          expect(written.startsWith(state.answer)).toBe(true);
          expect(state.answer.isWellFormed()).toBe(true);
        }
        const healed = applyToAnswer(state, snapshot(attempt, text));
        expect(healed.answer).toBe(text);
        expect(applyToAnswer(healed, delta(attempt, text.length, '.'))).toMatchObject({
          answer: `${text}.`,
          ended: false,
        });
      }),
    );
  });

  it('is joined in the middle by a snapshot', () => {
    fc.assert(
      fc.property(acts, acts, (before, later) => {
        const { steps, text } = play([...before, ...later]);
        const joined = play(before);
        let state = after(snapshot(joined.attempt, joined.text));
        for (const { event } of steps.slice(before.length + 1)) state = applyToAnswer(state, event);
        expect(state?.answer).toBe(text);
      }),
    );
  });
});
