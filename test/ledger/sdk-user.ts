import { setTimeout as delay } from 'node:timers/promises';
import { ClarionClient, ClarionError, memoryStore, type ClarionRun, type RunOutcome } from '@clarion/client';
import { TERMINAL_EVENTS, type DurableEvent, type ErrorBody } from '@clarion/protocol';
import { tokenOf } from './deployment';
import { same } from './erasure';
import type { Participant } from './judge';
import { answerTo, isAskedToFail, randomOrder } from './message';
import type { Random } from './random';
import { falselyTold } from './retention';
import type { Truth } from './truth';
import type { Truncation } from './view';
import type { Witness } from './witness';

const MOST_UNDER_WAY = 5;
const SETTLED_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 20;
/** Failures that the SDK has found by itself have no support code to be looked up. */
const LOCAL = 'CLIENT_';

const HABITS = { say: 50, reply: 20, reload: 12, offline: 8, cancel: 6 };

/** A message that was given to the SDK, in whichever life of the page. */
interface Written {
  readonly content: string;
  /** As far as any life of the page was told. */
  runId: string | null;
  outcome: RunOutcome | null;
  refused: string | null;
}

/** A user of a page on @clarion/client: writes, whatever the connection is like, and reloads the page as it comes. */
export class SdkUser implements Participant {
  private readonly store = memoryStore();
  private readonly written = new Map<string, Written>();
  private readonly events: DurableEvent[] = [];
  private readonly truncations: Truncation[] = [];
  private readonly threads: string[] = [];
  private client: ClarionClient;

  constructor(
    readonly witness: Witness,
    private readonly random: Random,
    private readonly url: string,
  ) {
    this.client = this.newClient();
  }

  async live(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await this[this.random.weighted(HABITS)]();
      await Promise.allSettled([delay(this.random.int(100, 900), undefined, { signal: stop })]);
    }
  }

  /** One more reload; then everything that was written has been accepted, and has ended here. */
  async catchUp(head: number): Promise<void> {
    await this.reload();
    const deadline = performance.now() + SETTLED_LIMIT_MS;
    const done = (): boolean => this.underWay === 0 && (this.events.at(-1)?.seq ?? 0) >= head;
    while (!done() && performance.now() < deadline) await delay(LOOK_EVERY_MS);
  }

  close(): Promise<void> {
    return this.client.close();
  }

  judge({ log, stored, trimmed }: Truth): void {
    for (const problem of falselyTold(this.truncations, trimmed)) this.witness.problem(`the SDK ${problem}`);
    let last = 0;
    for (const { seq } of this.events) {
      const before = this.beyondTold(last);
      if (seq !== last + 1 && seq !== before + 1) this.witness.problem(`the SDK gave seq ${seq} after ${last}`);
      last = seq;
    }
    const wrong = this.events.find((event) => !same(event, log[event.seq - 1]));
    if (wrong) this.witness.problem(`the SDK gave ${wrong.type} ${wrong.seq}, the mailbox has something else`);
    if (this.beyondTold(last) !== log.length)
      this.witness.problem(`the SDK gave events up to ${last} of ${log.length}`);
    for (const [id, written] of this.written) {
      const rows = stored.filter(({ client_message_id }) => client_message_id === id);
      if (rows.length !== (written.refused === null ? 1 : 0))
        this.witness.problem(`${id} was written once and is stored ${rows.length} times (${written.refused})`);
      for (const { run_id } of rows) this.judgeRun(id, written, run_id, log);
    }
    if (stored.some(({ client_message_id }) => !this.written.has(client_message_id)))
      this.witness.problem('something is stored that was not written');
  }

  /** Up to where it was told that events after `seq` are gone; `seq` itself where it was told nothing. */
  private beyondTold(seq: number): number {
    return Math.max(seq, ...this.truncations.filter(({ from }) => from === seq + 1).map(({ to }) => to));
  }

  private judgeRun(id: string, { content, outcome }: Written, runId: string, log: readonly DurableEvent[]): void {
    const ends = log.filter(({ run_id, type }) => run_id === runId && TERMINAL_EVENTS.has(type));
    if (ends.length !== 1) this.witness.problem(`run ${runId} has ${ends.length} ends`);
    const [end] = ends;
    if (end === undefined) return;
    if (outcome === null) return this.witness.problem(`${id}: the SDK has never told how its run ended`);
    const told = 'content' in end.data ? end.data.content : '';
    if (outcome.content !== told || `agent_${outcome.status}` !== end.type)
      this.witness.problem(`${id}: the SDK told ${outcome.status} (${outcome.content.length}), it was ${end.type}`);
    if (!answerTo(content).startsWith(outcome.content)) this.witness.problem(`${id}: the SDK has a wrong answer`);
    const whole = outcome.content === answerTo(content) && !isAskedToFail(content);
    if (outcome.status === 'completed' && !whole) this.witness.problem(`${id} completed without being whole`);
  }

  private get underWay(): number {
    return [...this.written.values()].filter(({ outcome, refused }) => outcome === null && refused === null).length;
  }

  private async say(): Promise<void> {
    this.write();
  }

  private async reply(): Promise<void> {
    this.write(this.random.pick(this.threads));
  }

  private async cancel(): Promise<void> {
    const open = this.events.findLast(({ type }) => type === 'run_queued')?.run_id;
    if (typeof open !== 'string') return;
    const [asked] = await Promise.allSettled([this.client.request('run_cancel', { run_id: open })]);
    if (asked.status === 'rejected') this.expectClarionError(asked.reason);
  }

  /** The page is loaded anew: what was not acknowledged is sent by the next life, and what is under way is followed. */
  private async reload(): Promise<void> {
    this.witness.note('reloads');
    void this.client.close();
    this.client = this.newClient();
    for (const run of await this.client.restore()) this.watch(run);
    void this.followAccepted();
  }

  private async offline(): Promise<void> {
    this.witness.note('is offline for a while, and writes');
    await this.client.close();
    await delay(this.random.int(50, 1_500));
    await this.reload();
    this.write();
  }

  private write(threadId?: string): void {
    if (this.underWay >= MOST_UNDER_WAY) return;
    const content = JSON.stringify(randomOrder(this.random));
    const run = this.client.send(content, { agent: 'drill', ...(threadId === undefined ? {} : { threadId }) });
    this.witness.note(`writes ${run.clientMessageId} ${content}`);
    this.watch(run);
  }

  private watch(run: ClarionRun): void {
    const { clientMessageId: id, content } = run;
    if (id === null || content === null) return this.witness.problem('the SDK gave a message without id or content');
    const written = this.written.get(id) ?? { content, runId: null, outcome: null, refused: null };
    this.written.set(id, written);
    void this.settle(written, run);
  }

  private async settle(written: Written, run: ClarionRun): Promise<void> {
    const final = Promise.allSettled([run.final]);
    const [accepted] = await Promise.allSettled([run.accepted]);
    if (accepted.status === 'fulfilled') {
      const { runId, threadId } = accepted.value;
      written.runId = runId;
      if (!this.threads.includes(threadId)) this.threads.push(threadId);
    }
    const [ended] = await final;
    if (ended.status === 'fulfilled') written.outcome = ended.value;
    else this.expectClarionError(ended.reason);
    if (accepted.status === 'rejected' && reasonOf(accepted.reason)?.startsWith(LOCAL) === false)
      written.refused = reasonOf(accepted.reason);
  }

  /** Accepted by an earlier life and not ended in it: `message_created` says which run it is. */
  private async followAccepted(): Promise<void> {
    const { client } = this;
    await Promise.allSettled([client.connect()]);
    for (const event of this.events) {
      const written = event.type === 'message_created' ? this.written.get(event.data.client_message_id) : undefined;
      if (written !== undefined) written.runId = event.run_id;
    }
    for (const written of this.written.values()) {
      if (written.runId === null || written.outcome !== null) continue;
      const [run] = await Promise.allSettled([client.follow(written.runId)]);
      if (run.status === 'fulfilled') void this.settle(written, run.value);
      else this.expectClarionError(run.reason);
    }
  }

  private newClient(): ClarionClient {
    const { witness } = this;
    const client = new ClarionClient({
      url: this.url,
      token: () => tokenOf(witness.user),
      user: witness.user,
      store: this.store,
      storeKey: witness.user,
      reconnect: { minMs: 50, maxMs: 1_000 },
      socket: { transports: ['websocket'], timeout: 4_000 },
      onProblem: (_, error) => {
        if (error.reason.startsWith(LOCAL)) return;
        if (witness.codes.has(error.support_code)) witness.note(`${error.support_code} is shown again`);
        witness.told(error, 'the SDK');
        if (error.reason === 'HISTORY_TRUNCATED') this.truncated(error.details);
      },
    });
    client.on('event', (event) => void this.events.push(event));
    void client.connect().catch((error: unknown) => this.expectClarionError(error));
    return client;
  }

  private truncated(details: ErrorBody['details']): void {
    const { missed_from: from, missed_to: to } = details ?? {};
    this.witness.note(`is told that ${JSON.stringify(details)} is gone`);
    if (typeof from !== 'number' || typeof to !== 'number') return this.witness.problem('the SDK was told no range');
    this.truncations.push({ from, to, at: Date.now() });
    this.witness.tally.add('truncations told');
  }

  private expectClarionError(error: unknown): void {
    if (!(error instanceof ClarionError)) this.witness.problem(`the SDK threw ${String(error)}`);
  }
}

function reasonOf(error: unknown): string | null {
  return error instanceof ClarionError ? error.reason : null;
}
