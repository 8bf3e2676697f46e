import fc from 'fast-check';
import { ReadingPosition } from './reading-position';

const EPOCHS = ['epoch0000001', 'epoch0000002'] as const;

/** A server with one mailbox: what it sends may be lost with the connection or come twice; it never sends out of order. */
class Mailbox {
  epoch: string = EPOCHS[0];
  head = 0;

  resume(cursor: { epoch: string; seq: number } | null): { from_seq: number; resume: 'cursor' | 'reset' | 'new' } {
    if (cursor === null) return { from_seq: 0, resume: 'new' };
    const valid = cursor.epoch === this.epoch && cursor.seq <= this.head;
    return valid ? { from_seq: cursor.seq, resume: 'cursor' } : { from_seq: 0, resume: 'reset' };
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('repeat' as const), back: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'reconnect' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restore' as const }) },
);

describe('the reading position', () => {
  it('lets every event through once and in order, whatever is lost, repeated or restored', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const mailbox = new Mailbox();
        const position = new ReadingPosition();
        let processed: number[] = [];
        const connect = (): void => {
          const { epoch } = mailbox;
          const resumed = mailbox.resume(position.cursor);
          if (position.resume({ epoch, ...resumed })) processed = [];
          for (let seq = resumed.from_seq + 1; seq <= mailbox.head; seq += 1) receive(seq);
          position.settle();
        };
        const receive = (seq: number): void => {
          const verdict = position.take({ epoch: mailbox.epoch, seq });
          if (verdict === 'next') processed.push(seq);
          if (verdict === 'next') position.settle();
          else if (verdict === 'gap') connect();
          else expect(verdict).toBe('duplicate');
        };
        connect();
        for (const action of steps) {
          if (action.kind === 'append') for (let n = 0; n < action.count; n += 1) receive(++mailbox.head);
          if (action.kind === 'repeat')
            for (let seq = Math.max(1, mailbox.head - action.back); seq <= mailbox.head; seq += 1) receive(seq);
          if (action.kind === 'lose') mailbox.head += action.count;
          if (action.kind === 'reconnect') connect();
          if (action.kind === 'restore') {
            mailbox.epoch = mailbox.epoch === EPOCHS[0] ? EPOCHS[1] : EPOCHS[0];
            mailbox.head = 0;
            connect();
          }
        }
        connect();
        expect(processed).toEqual(Array.from({ length: mailbox.head }, (_, index) => index + 1));
      }),
      { numRuns: 500 },
    );
  });

  it('goes on from what was stored, and ignores what nobody can read', () => {
    const position = new ReadingPosition();
    position.restore(`${EPOCHS[0]}:41`);
    expect(position.resume({ epoch: EPOCHS[0], from_seq: 41, resume: 'cursor' })).toBe(false);
    expect(position.take({ epoch: EPOCHS[0], seq: 41 })).toBe('duplicate');
    expect(position.take({ epoch: EPOCHS[0], seq: 42 })).toBe('next');
    position.restore('nonsense');
    expect(position.cursor).toBeNull();
  });

  it('forgets at a reset, of the same epoch too', () => {
    const position = new ReadingPosition();
    position.restore(`${EPOCHS[0]}:41`);
    expect(position.resume({ epoch: EPOCHS[0], from_seq: 7, resume: 'reset' })).toBe(true);
    expect(position.take({ epoch: EPOCHS[0], seq: 8 })).toBe('next');
  });

  it('comes back from where it was until it has heard what a reset has missed', () => {
    const position = new ReadingPosition();
    position.restore(`${EPOCHS[0]}:41`);
    for (let time = 0; time < 2; time += 1) {
      expect(position.resume({ epoch: EPOCHS[0], from_seq: 70, resume: 'reset' })).toBe(true);
      expect(position.cursor).toEqual({ epoch: EPOCHS[0], seq: 41 });
    }
    expect([position.settle(), position.settle()]).toEqual([true, false]);
    expect(position.cursor).toEqual({ epoch: EPOCHS[0], seq: 70 });
  });

  it('accepts a jump that reconnecting does not heal', () => {
    const position = new ReadingPosition();
    position.restore(`${EPOCHS[0]}:1`);
    const jump = { epoch: EPOCHS[0], seq: 5 };
    expect([position.take(jump), position.take(jump), position.take(jump)]).toEqual(['gap', 'gap', 'jump']);
    expect(position.take({ epoch: EPOCHS[0], seq: 6 })).toBe('next');
  });
});
