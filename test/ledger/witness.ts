import type { ErrorBody } from '@clarion/protocol';
import { errorBodySchema } from '@clarion/protocol/schemas';

/** Milliseconds since the ledger began; what its histories are dated by. */
export class Stopwatch {
  private readonly began = performance.now();

  get now(): number {
    return performance.now() - this.began;
  }
}

interface Line {
  readonly at: number;
  readonly text: string;
}

/** Counts that say how much a run of the ledger has tried; no judgement. */
export class Tally {
  readonly counts = new Map<string, number>();

  add(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }
}

/** Defects, or races that are ours to settle: no user has anything to do with them. */
const NOT_FOR_USERS: ReadonlySet<string> = new Set([
  'DATABASE_CONSTRAINT',
  'DATABASE_CONFLICT',
  'DATABASE_QUERY_FAILED',
]);
const INTERNAL = 1011;

/** What one user has done and seen, and what of it must not be. */
export class Witness {
  readonly lines: Line[] = [];
  readonly problems: string[] = [];
  /** Support codes that the user was shown, with where. */
  readonly codes = new Map<string, string>();
  /** Device -> the furthest `seq` that it was sent. */
  readonly furthest = new Map<string, number>();
  /** How often the user was told that events are gone. */
  truncations = 0;

  constructor(
    readonly user: string,
    private readonly clock: Stopwatch,
    readonly tally: Tally,
  ) {}

  note(text: string): void {
    this.lines.push({ at: this.clock.now, text });
  }

  problem(text: string): void {
    this.problems.push(text);
    this.note(`!! ${text}`);
  }

  /** A failure that the user was told of: it has to be whole, the user's own, and without internals. */
  told(error: ErrorBody, where: string): void {
    const result = errorBodySchema.safeParse(error);
    if (!result.success)
      return this.problem(`${where}: an error against the schema: ${JSON.stringify(result.error.issues)}`);
    this.codes.set(error.support_code, where);
    this.tally.add(`told ${error.code} ${error.reason}`);
    if (error.code === INTERNAL || NOT_FOR_USERS.has(error.reason))
      this.problem(`${where}: ${error.support_code} is nothing to tell a user`);
    if (error.root_cause !== null) this.problem(`${where}: ${error.support_code} shows its root cause`);
    if (error.user_id !== null && error.user_id !== this.user)
      this.problem(`${where}: ${error.support_code} is ${error.user_id}'s`);
  }

  reached(device: string, seq: number): void {
    this.furthest.set(device, Math.max(seq, this.furthest.get(device) ?? 0));
  }

  /** What is gone, and told to be, is as good as sent. */
  truncated(device: string, seq: number): void {
    this.truncations += 1;
    this.tally.add('truncations told');
    this.reached(device, seq);
  }

  /** The history with what befell everybody, in order, dated in seconds. */
  story(faults: readonly Line[]): string {
    return [...this.lines, ...faults.map(({ at, text }) => ({ at, text: `** ${text}` }))]
      .sort((a, b) => a.at - b.at)
      .map(({ at, text }) => `${(at / 1000).toFixed(3).padStart(9)}  ${text}`)
      .join('\n');
  }
}
