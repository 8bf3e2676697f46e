import { parseCursor, type ConnectionEstablished, type Cursor, type DurableEvent } from '@clarion/protocol';

/** After how many reconnects a jump that the server repeats is accepted: standing still for ever helps nobody. */
const MOST_REPEATS = 3;

/**
 * - `next`: exactly what follows; process it.
 * - `duplicate`: processed before; drop it.
 * - `gap`: something before it is missing; drop it and reconnect with the cursor.
 * - `jump`: the same, after reconnecting did not help; process it and tell the user.
 */
export type Verdict = 'next' | 'duplicate' | 'gap' | 'jump';

/** How far this client has read: judges every durable event by epoch and `seq`, so that each is processed once and in order. */
export class ReadingPosition {
  private known: Cursor | null = null;
  /** Where this client had read before a reset, until it has heard all that the server says of it: what comes before counts as untold. */
  private before: Cursor | null = null;
  private repeats = 0;

  get cursor(): Cursor | null {
    return this.before ?? this.known;
  }

  /** Starts from what was stored; what cannot be read counts as nothing. */
  restore(cursor: string | null | undefined): void {
    this.known = cursor == null ? null : parseCursor(cursor);
    this.before = null;
  }

  /** Takes `connection_established`. @returns true: another epoch or a reset; everything known by `seq` is void */
  resume({ epoch, from_seq, resume }: Pick<ConnectionEstablished, 'epoch' | 'from_seq' | 'resume'>): boolean {
    const known = this.cursor;
    const forgets = known !== null && (resume === 'reset' || known.epoch !== epoch);
    if (known === null || forgets || this.before !== null) this.known = { epoch, seq: from_seq };
    this.before = forgets ? known : null;
    return forgets;
  }

  /** The first event, or the end of the replay, comes behind what the server says of a reset. @returns true: there was one */
  settle(): boolean {
    const wasReset = this.before !== null;
    this.before = null;
    return wasReset;
  }

  /** Judges a durable event, and moves past it where it is to be processed. */
  take({ epoch, seq }: Pick<DurableEvent, 'epoch' | 'seq'>): Verdict {
    const known = this.known ?? { epoch, seq: seq - 1 };
    const follows = epoch === known.epoch && seq <= known.seq + 1;
    if (follows && seq <= known.seq) return 'duplicate';
    if (!follows && ++this.repeats < MOST_REPEATS) return 'gap';
    this.known = { epoch, seq };
    this.repeats = 0;
    return follows ? 'next' : 'jump';
  }
}
