import { isDeepStrictEqual } from 'node:util';
import { ATTEMPT_EVENTS, TERMINAL_EVENTS, type DurableEvent, type RunStatus } from '@clarion/protocol';
import { Erasure, type Deletions } from './erasure';
import { answerTo, isAskedToFail, type Message } from './message';
import { falselyTold } from './retention';
import type { Truth } from './truth';
import type { View } from './view';
import type { Witness } from './witness';

/** What somebody on plain clients has done and seen. */
interface Judged {
  readonly witness: Witness;
  readonly messages: readonly Message[];
  readonly devices: readonly { readonly view: View; readonly views: readonly View[] }[];
  /** Run -> the status that a `run_cancel` was answered with. */
  readonly cancels: ReadonlyMap<string, string>;
  readonly deletions: Deletions;
}

/** Somebody who lives on the deployment, and whose history is compared with the truth. */
export interface Participant {
  readonly witness: Witness;
  readonly deletions: Deletions;
  /** Lives until told to stop, and until everything that was asked is answered. */
  live(stop: AbortSignal): Promise<void>;
  /** Comes back once more, until everything up to `head` is received, or time is over. */
  catchUp(head: number): Promise<void>;
  /** Every difference becomes a problem of the witness. */
  judge(truth: Truth): void;
  close(): Promise<void>;
}

const STATUS_OF: Partial<Record<DurableEvent['type'], RunStatus>> = {
  agent_completed: 'completed',
  agent_failed: 'failed',
  agent_cancelled: 'cancelled',
};

/** What may fail a run that was not asked to fail: it was killed too often. */
const EXPLAINED = 'RUN_ATTEMPTS_EXHAUSTED';

/** Compares what a user was told with the truth; every difference becomes a problem of the user's witness. */
export class Judge {
  private readonly erasure: Erasure;
  /** As it was before anything was erased, as far as anybody has seen it. */
  private readonly log: readonly DurableEvent[];
  private readonly byRun: Map<string, DurableEvent[]>;
  private readonly created: readonly DurableEvent<'message_created'>[];

  constructor(
    private readonly user: Judged,
    private readonly truth: Truth,
  ) {
    const delivered = user.devices.flatMap(({ views }) => views.flatMap(({ events }) => events));
    this.erasure = new Erasure(user.deletions, truth, delivered);
    this.log = truth.log.map((event) => this.erasure.original(event));
    const ofRuns = this.log.filter(({ run_id }) => run_id !== null);
    this.byRun = Map.groupBy(ofRuns, ({ run_id }) => run_id ?? '');
    this.created = this.log.filter((event) => event.type === 'message_created');
  }

  judge(): void {
    this.judgeLog();
    for (const { views } of this.user.devices) for (const view of views) this.judgeView(view);
    for (const message of this.user.messages) this.judgeMessage(message);
    this.judgeRows();
    for (const [runId, events] of this.byRun) this.judgeRun(runId, events);
    this.judgeThreads();
    for (const [runId, status] of this.user.cancels) this.judgeCancel(runId, status);
    for (const problem of this.erasure.problems()) this.problem(problem);
  }

  private judgeLog(): void {
    this.truth.log.forEach((event, index) => {
      if (event.seq !== index + 1) this.problem(`the mailbox has seq ${event.seq} in place ${index + 1}`);
    });
    const ids = new Set(this.user.messages.map(({ id }) => id));
    for (const { data } of this.created)
      if (!ids.has(data.client_message_id)) this.problem(`nobody has sent ${data.client_message_id}`);
  }

  /** What a client was sent is a piece of the log without a hole but what it was told is gone, up to its end, and to the letter. */
  private judgeView({ device, events, seq, runsTold, truncations }: View): void {
    const { log, trimmed } = this.truth;
    for (const problem of falselyTold(truncations, trimmed)) this.problem(`${device} ${problem}`);
    const last = this.user.devices.some(({ view }) => view.events === events);
    if (last && seq !== log.length) this.problem(`${device} got no further than ${seq} of ${log.length}`);
    const wrong = events.find((event) => !this.erasure.matches(event));
    if (wrong !== undefined)
      this.problem(`${device} was sent ${describe(wrong)}, the mailbox has ${describe(log[wrong.seq - 1])}`);
    const strange = [...runsTold].filter((run) => !this.byRun.has(run));
    if (strange.length > 0) this.problem(`${device} was told of runs that are not the user's: ${strange.join(', ')}`);
  }

  private judgeMessage(message: Message): void {
    const found = this.created.filter(({ data }) => data.client_message_id === message.id);
    // Once its thread is deleted a message is not known any more: repeated, it is another one.
    if (found.slice(0, -1).some((one) => !this.erasure.covers(one)))
      this.problem(`${message.id} was created ${found.length} times`);
    const accepted = message.outcomes.flatMap((outcome) => (outcome.kind === 'ok' ? [outcome.answer] : []));
    const fresh = accepted.filter(({ duplicate }) => !duplicate).map(({ run_id }) => run_id);
    if (fresh.length > new Set(fresh).size) this.problem(`${message.id} was new more than once`);
    const places = found.map(placeOf);
    for (const { message_id, run_id, thread_id } of accepted) {
      const told = { message_id, run_id, thread_id };
      if (found.length === 0) this.problem(`${message.id} was acknowledged and is lost`);
      else if (!places.some((place) => isDeepStrictEqual(told, place)))
        this.problem(`${message.id} was acknowledged as ${JSON.stringify(told)}, it is ${JSON.stringify(places)}`);
    }
    if (found.some((one) => one.data.content !== message.content && !this.isUnseen(one)))
      this.problem(`${message.id} has other content`);
    const refused = message.outcomes.length > 0 && message.outcomes.every(({ kind }) => kind === 'refused');
    if (refused && found.length > 0) this.problem(`${message.id} was only ever refused, and exists`);
  }

  /** The tables say the same as the log, but for what is deleted. */
  private judgeRows(): void {
    const { stored } = this.truth;
    const created = this.created.filter((event) => !this.erasure.covers(event));
    for (const { client_message_id, message_id, run_id, status } of stored) {
      const ends = (this.byRun.get(run_id) ?? []).filter(({ type }) => TERMINAL_EVENTS.has(type));
      if (ends.length === 1 && ends[0] !== undefined && STATUS_OF[ends[0].type] !== status)
        this.problem(`run ${run_id} is ${status} in its table and ${ends[0].type} in the mailbox`);
      if (!created.some(({ data, run_id: run }) => data.message_id === message_id && run === run_id))
        this.problem(`${client_message_id} is stored as ${message_id} and no event tells of it`);
    }
    if (stored.length !== created.length)
      this.problem(`${stored.length} messages are stored, ${created.length} were created`);
  }

  private judgeRun(runId: string, events: readonly DurableEvent[]): void {
    const ends = events.filter(({ type }) => TERMINAL_EVENTS.has(type));
    if (ends.length !== 1) this.problem(`run ${runId} has ${ends.length} ends`);
    const [end] = ends;
    if (end === undefined) return;
    if (events.at(-1) !== end) this.problem(`run ${runId} goes on after its end with ${describe(events.at(-1))}`);
    const attempts = events.flatMap(({ type, attempt }) => (ATTEMPT_EVENTS.has(type) ? [attempt ?? 0] : []));
    if (attempts.some((attempt, index) => attempt <= (attempts[index - 1] ?? 0)))
      this.problem(`the attempts of run ${runId} do not ascend: ${attempts.join(', ')}`);
    const created = this.created.find(({ run_id }) => run_id === runId);
    if (created === undefined) return this.problem(`run ${runId} belongs to no message`);
    const message = this.user.messages.find(({ id }) => id === created.data.client_message_id);
    this.judgeContent(runId, end, message?.content ?? created.data.content);
    if (end.type === 'agent_cancelled' && end.data.by === 'thread_deleted' && !this.erasure.covers(end))
      this.problem(`run ${runId} ended with its thread, which nobody has deleted`);
  }

  private judgeContent(runId: string, end: DurableEvent, order: string): void {
    const whole = answerTo(order);
    const failsOnPurpose = isAskedToFail(order);
    const content = 'content' in end.data ? end.data.content : '';
    if (!whole.startsWith(content))
      this.problem(`run ${runId} has written what drill does not: ...${content.slice(-60)}`);
    if (end.type === 'agent_completed' && !this.isUnseen(end) && (content !== whole || failsOnPurpose))
      this.problem(`run ${runId} completed with ${content.length} of ${whole.length} characters of ${order}`);
    if (end.type === 'agent_failed' && !failsOnPurpose && end.data.error.reason !== EXPLAINED)
      this.problem(`run ${runId} failed unasked with ${end.data.error.support_code}`);
  }

  /** A thread runs one run at a time, in order; `reject` and `interrupt` begin with nothing under way. */
  private judgeThreads(): void {
    for (const [threadId, events] of Map.groupBy(this.log, ({ thread_id }) => thread_id)) {
      const open: string[] = [];
      for (const event of threadId === null ? [] : events) {
        const { type, run_id } = event;
        if (run_id === null) continue;
        if (type === 'message_created') this.judgeOverlap(event, open);
        if (type === 'message_created') open.push(run_id);
        if (ATTEMPT_EVENTS.has(type) && open[0] !== run_id)
          this.problem(`${describe(event)} of run ${run_id} while ${open[0]} is before it in its thread`);
        if (TERMINAL_EVENTS.has(type)) open.splice(open.indexOf(run_id), 1);
      }
    }
  }

  private judgeOverlap(event: DurableEvent<'message_created'>, open: readonly string[]): void {
    const message = this.user.messages.find(({ id }) => id === event.data.client_message_id);
    const { overlap = 'enqueue' } = message ?? {};
    if (overlap !== 'enqueue' && open.length > 0)
      this.problem(`${message?.id} (${overlap}) was accepted beside ${open.join(', ')}`);
  }

  private judgeCancel(runId: string, status: string): void {
    const end = this.byRun.get(runId)?.find(({ type }) => TERMINAL_EVENTS.has(type));
    if (end !== undefined && STATUS_OF[end.type] !== status)
      this.problem(`cancelling ${runId} was answered with ${status}, it is ${end.type}`);
  }

  /** Erased before anybody was sent what it said. */
  private isUnseen(event: DurableEvent<'message_created' | 'agent_completed'>): boolean {
    return this.erasure.covers(event) && event.data.content === '';
  }

  private problem(text: string): void {
    this.user.witness.problem(text);
  }
}

function placeOf({ data, run_id, thread_id }: DurableEvent<'message_created'>) {
  return { message_id: data.message_id, run_id, thread_id };
}

function describe(event: DurableEvent | undefined): string {
  return event === undefined
    ? 'nothing'
    : `${event.type} (seq ${event.seq}, attempt ${event.attempt}, ${event.timestamp}, run ${event.run_id})`;
}
