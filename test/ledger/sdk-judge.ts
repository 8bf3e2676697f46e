import type { RunOutcome } from '@clarion/client';
import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { Erasure, type Deletions } from './erasure';
import { answerTo, isAskedToFail } from './message';
import { falselyTold } from './retention';
import type { Truth } from './truth';
import type { Truncation } from './view';
import type { Witness } from './witness';

const NO_THREAD = 'THREAD_NOT_FOUND';

/** A message that was given to the SDK, in whichever life of the page. */
export interface Written {
  readonly content: string;
  /** Null where it begins one. */
  readonly threadId: string | null;
  /** As far as any life of the page was told. */
  runId: string | null;
  outcome: RunOutcome | null;
  refused: string | null;
  /** Its run is known to be not there any more. */
  gone: boolean;
}

/** Nobody has said yet what became of it. */
export function isOpen({ outcome, refused, gone }: Written): boolean {
  return outcome === null && refused === null && !gone;
}

/** What a user of the SDK has done and was given. */
interface SdkJudged {
  readonly witness: Witness;
  readonly written: ReadonlyMap<string, Written>;
  /** Over all lives of the page. */
  readonly events: readonly DurableEvent[];
  readonly truncations: readonly Truncation[];
  readonly deletions: Deletions;
}

/** Compares what the SDK told its user with the truth; every difference becomes a problem of the user's witness. */
export class SdkJudge {
  private readonly erasure: Erasure;
  /** As it was before anything was erased, as far as the SDK has given it. */
  private readonly log: readonly DurableEvent[];
  private readonly created: readonly DurableEvent<'message_created'>[];

  constructor(
    private readonly user: SdkJudged,
    private readonly truth: Truth,
  ) {
    this.erasure = new Erasure(user.deletions, truth, user.events);
    this.log = truth.log.map((event) => this.erasure.original(event));
    this.created = this.log.filter((event) => event.type === 'message_created');
  }

  judge(): void {
    this.judgeEvents();
    for (const [id, written] of this.user.written) this.judgeMessage(id, written);
    this.judgeRows();
    for (const problem of this.erasure.problems()) this.problem(problem);
  }

  private judgeEvents(): void {
    const { events, truncations } = this.user;
    for (const problem of falselyTold(truncations, this.truth.trimmed)) this.problem(`the SDK ${problem}`);
    let last = 0;
    for (const { seq } of events) {
      if (seq !== last + 1 && seq !== this.beyondTold(last) + 1) this.problem(`the SDK gave seq ${seq} after ${last}`);
      last = seq;
    }
    const wrong = events.find((event) => !this.erasure.matches(event));
    if (wrong) this.problem(`the SDK gave ${wrong.type} ${wrong.seq}, the mailbox has something else`);
    if (this.beyondTold(last) !== this.log.length)
      this.problem(`the SDK gave events up to ${last} of ${this.log.length}`);
  }

  /** Up to where it was told that events after `seq` are gone; `seq` itself where it was told nothing. */
  private beyondTold(seq: number): number {
    return Math.max(seq, ...this.user.truncations.filter(({ from }) => from === seq + 1).map(({ to }) => to));
  }

  private judgeMessage(id: string, written: Written): void {
    const { refused, threadId } = written;
    const found = this.created.filter(({ data }) => data.client_message_id === id);
    // Once its thread is deleted a message is not known any more: repeated, it is another one, or refused.
    if (found.slice(0, -1).some((one) => !this.erasure.covers(one)))
      this.problem(`${id} was written once and created ${found.length} times`);
    if (refused === null && found.length === 0) this.problem(`${id} was written and is lost`);
    if (refused !== null && found.some((one) => !this.erasure.covers(one)))
      this.problem(`${id} was refused (${refused}) and exists`);
    if (refused === NO_THREAD && (threadId === null || !this.user.deletions.has(threadId)))
      this.problem(`${id} was refused (${refused}), and nobody has deleted ${threadId}`);
    for (const created of found) this.judgeRun(id, written, created);
  }

  private judgeRun(id: string, written: Written, created: DurableEvent<'message_created'>): void {
    const { run_id, data } = created;
    const covered = this.erasure.covers(created);
    if (data.content !== written.content && !(covered && data.content === '')) this.problem(`${id} has other content`);
    const ends = this.log.filter((event) => event.run_id === run_id && TERMINAL_EVENTS.has(event.type));
    if (ends.length !== 1) this.problem(`run ${run_id} has ${ends.length} ends`);
    const [end] = ends;
    const { outcome, refused, gone } = written;
    if (end === undefined || (outcome !== null && outcome.runId !== run_id)) return;
    if (outcome !== null) return this.judgeOutcome(id, written.content, outcome, end);
    if (!covered) this.problem(`${id}: the SDK has never told how its run ended`);
    else if (!gone && refused === null) this.problem(`${id}: the SDK has told neither an end nor that it is gone`);
  }

  private judgeOutcome(id: string, order: string, { status, content }: RunOutcome, end: DurableEvent): void {
    const told = 'content' in end.data ? end.data.content : '';
    const covered = this.erasure.covers(end);
    // The text may have been told before it was erased, or after.
    const matches = content === told || (covered && (told === '' || content === ''));
    if (!matches || `agent_${status}` !== end.type)
      this.problem(`${id}: the SDK told ${status} (${content.length}), it was ${end.type} (${told.length})`);
    const whole = answerTo(order);
    if (!whole.startsWith(content)) this.problem(`${id}: the SDK has a wrong answer`);
    if (status !== 'completed' || (covered && content === '')) return;
    if (content !== whole || isAskedToFail(order)) this.problem(`${id} completed without being whole`);
  }

  /** The table says the same as the log, but for what is deleted. */
  private judgeRows(): void {
    const { stored } = this.truth;
    const created = this.created.filter((event) => !this.erasure.covers(event));
    if (this.created.some(({ data }) => !this.user.written.has(data.client_message_id)))
      this.problem('something is stored that was not written');
    if (stored.length !== created.length)
      this.problem(`${stored.length} messages are stored, ${created.length} were created`);
    for (const { client_message_id, message_id, run_id } of stored)
      if (!created.some((event) => event.run_id === run_id && event.data.message_id === message_id))
        this.problem(`${client_message_id} is stored as ${message_id} and no event tells of it`);
  }

  private problem(text: string): void {
    this.user.witness.problem(text);
  }
}
