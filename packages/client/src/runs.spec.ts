import fc from 'fast-check';
import { answerUpdate } from './answer-update';
import { LiveRun } from './live-run';
import type { AnswerUpdate } from './options';
import { Runs } from './runs';
import { durableEvent, runView } from './scripted-server.fixture';

const ask = () => Promise.reject(new Error('nobody asks here'));
const fold = (updates: AnswerUpdate[]): string =>
  updates.reduce((text, { index, text: more }) => text.slice(0, index) + more, '');

describe('the changes of an answer', () => {
  it('lead from any text to any other, and split no surrogate pair', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 });
    fc.assert(
      fc.property(text, text, text, (start, before, after) => {
        const update = answerUpdate(start + before, start + after);
        const given = update ?? { index: before.length + start.length, text: '', answer: start + after };
        expect((start + before).slice(0, given.index) + given.text).toBe(start + after);
        expect((start + before).slice(0, given.index).isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('the answer of a run', () => {
  /** One piece of an answer: how it reaches the client. */
  const piece = fc.record({
    text: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
    fate: fc.constantFrom('arrives', 'arrives', 'arrives', 'twice', 'lost'),
  });

  it('is exact at the end and at every correction, whatever deltas are lost or doubled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 40 }), fc.integer({ min: 1, max: 8 }), async (pieces, lag) => {
        const whole = pieces.map(({ text }) => text).join('');
        const doubted = new Set<string>();
        const runs = new Runs((runId) => doubted.add(runId));
        const live = new LiveRun('c', 'hello', ask);
        const updates: AnswerUpdate[] = [];
        live.onDelta((update) => updates.push(update));
        runs.watch('r', live);
        let written = 0;
        for (const [at, { text, fate }] of pieces.entries()) {
          const delta = { run_id: 'r', attempt: 1, path: null, index: written, text };
          if (fate !== 'lost') runs.accept('agent_delta', delta);
          if (fate === 'twice') runs.accept('agent_delta', delta);
          written += text.length;
          expect(whole.startsWith(live.answer)).toBe(true);
          // The server's text lags behind what it streams.
          const kept = pieces.slice(0, at + 1 - (at % lag)).map((kept) => kept.text);
          if (doubted.has('r') && runs.correct(runView({ text: kept.join('') }))) doubted.delete('r');
        }
        if (doubted.has('r')) {
          expect(runs.correct(runView({ text: whole }))).toBe(true);
          expect(live.answer).toBe(whole);
        }
        const completed = { message_id: 'm', content: whole, usage: null, duration_ms: 1 };
        runs.accept('agent_completed', durableEvent(1, { type: 'agent_completed', data: completed }));
        expect(await live.final).toMatchObject({ status: 'completed', content: whole });
        expect(fold(updates)).toBe(whole);
        expect(runs.open).toEqual([]);
      }),
    );
  });

  it('goes back to what a new attempt keeps, for readers that are slow too', async () => {
    const runs = new Runs(() => undefined);
    const live = new LiveRun('c', 'hello', ask);
    runs.watch('r', live);
    const delta = { run_id: 'r', path: null };
    runs.accept('agent_delta', { ...delta, attempt: 1, index: 0, text: 'one two' });
    const reader = live[Symbol.asyncIterator]();
    const read = async (): Promise<AnswerUpdate> => (await reader.next()).value as AnswerUpdate;
    expect(await read()).toEqual({ index: 0, text: 'one two', answer: 'one two' });
    const retrying = { agent: 'a', max_attempts: 2, delay_ms: 0, keep_index: 4, error: {} };
    runs.accept('agent_retrying', durableEvent(1, { type: 'agent_retrying', attempt: 2, data: retrying as never }));
    runs.accept('agent_delta', { ...delta, attempt: 1, index: 7, text: ' of the dead' });
    runs.accept('agent_delta', { ...delta, attempt: 2, index: 4, text: 'three' });
    expect(await read()).toEqual({ index: 5, text: 'hree', answer: 'one three' });
    runs.accept(
      'agent_cancelled',
      durableEvent(2, { type: 'agent_cancelled', data: { by: 'user', content: 'one three' } }),
    );
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it('is there for who begins to watch after the end', async () => {
    const runs = new Runs(() => undefined);
    runs.accept(
      'agent_failed',
      durableEvent(1, { type: 'agent_failed', data: { error: {} as never, content: 'half' } }),
    );
    const live = new LiveRun('c', 'hello', ask);
    runs.watch('r', live);
    expect(await live.final).toMatchObject({ status: 'failed', content: 'half' });
    expect(live.answer).toBe('half');
  });

  it('is not kept for ever', () => {
    const runs = new Runs(() => undefined);
    const end = (run_id: string): void =>
      runs.accept(
        'agent_cancelled',
        durableEvent(1, { type: 'agent_cancelled', run_id, data: { by: 'user', content: run_id } }),
      );
    for (let n = 0; n <= 100; n += 1) end(`run-${n}`);
    const [first, last] = ['run-0', 'run-100'].map((runId) => {
      const live = new LiveRun('c', null, ask);
      runs.watch(runId, live);
      return live;
    });
    expect([first?.over, last?.over]).toEqual([false, true]);
  });
});
