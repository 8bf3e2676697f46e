import { setTimeout as delay } from 'node:timers/promises';
import { ClarionClient, ClarionError, memoryStore, type ClarionRun } from '@clarion/client';
import type { DurableEvent, ErrorBody } from '@clarion/protocol';
import { tokenOf } from './deployment';
import { UNKNOWN_OUTCOMES, type Outcome } from './device';
import { wasAnswered } from './erasure';
import type { Participant } from './judge';
import { randomOrder } from './message';
import type { Random } from './random';
import { isOpen, SdkJudge, type Written } from './sdk-judge';
import type { Truth } from './truth';
import type { Truncation } from './view';
import type { Witness } from './witness';

const MOST_UNDER_WAY = 5;
const SETTLED_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 20;
const TRIES = 4;
/** Users who delete threads. */
const TIDY_SHARE = 0.5;
/** Failures that the SDK has found by itself have no support code to be looked up. */
const LOCAL = 'CLIENT_';

const HABITS = { say: 50, reply: 20, reload: 12, offline: 8, cancel: 6, deleteThread: 5 };

/** A user of a page on @clarion/client: writes, whatever the connection is like, and reloads the page as it comes. */
export class SdkUser implements Participant {
  private readonly store = memoryStore();
  readonly written = new Map<string, Written>();
  readonly events: DurableEvent[] = [];
  readonly truncations: Truncation[] = [];
  /** Thread -> how each `thread_delete` of it went. */
  readonly deletions = new Map<string, Outcome<'thread_delete'>[]>();
  private readonly threads: string[] = [];
  private readonly tidy: boolean;
  private stop = new AbortController().signal;
  private client: ClarionClient;

  constructor(
    readonly witness: Witness,
    private readonly random: Random,
    private readonly url: string,
  ) {
    this.tidy = random.chance(TIDY_SHARE);
    this.client = this.newClient();
  }

  async live(stop: AbortSignal): Promise<void> {
    this.stop = stop;
    while (!stop.aborted) {
      await this[this.random.weighted(HABITS)]();
      await this.pause(this.random.int(100, 900));
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

  judge(truth: Truth): void {
    new SdkJudge(this, truth).judge();
  }

  private get underWay(): number {
    return [...this.written.values()].filter(isOpen).length;
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

  /** Also while messages of it wait in the outbox, or runs of it are under way; asked until it is answered, or given up. */
  private async deleteThread(): Promise<void> {
    const thread_id = this.tidy ? this.random.pick(this.threads) : undefined;
    if (thread_id === undefined) return;
    this.threads.splice(this.threads.indexOf(thread_id), 1);
    const outcomes: Outcome<'thread_delete'>[] = [];
    this.deletions.set(thread_id, outcomes);
    for (let tries = 1; tries <= TRIES && !wasAnswered(outcomes); tries += 1) {
      this.witness.note(`deletes thread ${thread_id}`);
      const [asked] = await Promise.allSettled([this.client.request('thread_delete', { thread_id })]);
      outcomes.push(
        asked.status === 'fulfilled' ? { kind: 'ok', answer: { ok: true, ...asked.value } } : this.failed(asked.reason),
      );
      this.witness.note(`deletion of ${thread_id}: ${JSON.stringify(outcomes.at(-1))}`);
      if (!wasAnswered(outcomes)) await this.pause(500);
    }
    // It is refused, or it makes the deletion a lie.
    if (wasAnswered(outcomes)) this.write(thread_id);
  }

  private failed(error: unknown): Outcome<'thread_delete'> {
    this.expectClarionError(error);
    const reason = reasonOf(error);
    if (!(error instanceof ClarionError) || reason === null || reason.startsWith(LOCAL))
      return { kind: 'unknown', why: String(reason) };
    this.witness.told(error.body, 'the SDK, thread_delete');
    return UNKNOWN_OUTCOMES.has(reason) ? { kind: 'unknown', why: reason } : { kind: 'refused', error: error.body };
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
    await this.pause(this.random.int(50, 1_500));
    await this.reload();
    this.write();
  }

  private write(threadId?: string): void {
    if (this.underWay >= MOST_UNDER_WAY) return;
    const content = JSON.stringify(randomOrder(this.random));
    const run = this.client.send(content, { agent: 'drill', ...(threadId === undefined ? {} : { threadId }) });
    this.witness.note(`writes ${run.clientMessageId} ${content} ${threadId ?? ''}`);
    this.watch(run, threadId);
  }

  private watch(run: ClarionRun, threadId: string | null = null): void {
    const { clientMessageId: id, content } = run;
    if (id === null || content === null) return this.witness.problem('the SDK gave a message without id or content');
    const written = this.written.get(id) ?? {
      content,
      threadId,
      runId: null,
      outcome: null,
      refused: null,
      gone: false,
    };
    this.written.set(id, written);
    void this.settle(written, run);
  }

  private async settle(written: Written, run: ClarionRun): Promise<void> {
    const final = Promise.allSettled([run.final]);
    const [accepted] = await Promise.allSettled([run.accepted]);
    if (accepted.status === 'fulfilled') {
      const { runId, threadId } = accepted.value;
      written.runId = runId;
      if (!this.threads.includes(threadId) && !this.deletions.has(threadId)) this.threads.push(threadId);
    }
    const [ended] = await final;
    if (ended.status === 'fulfilled') written.outcome = ended.value;
    else this.lost(written, ended.reason);
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
      if (written.runId === null || !isOpen(written)) continue;
      const [run] = await Promise.allSettled([client.follow(written.runId)]);
      if (run.status === 'fulfilled') void this.settle(written, run.value);
      else this.lost(written, run.reason);
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

  private lost(written: Written, error: unknown): void {
    this.expectClarionError(error);
    if (reasonOf(error) === 'RUN_NOT_FOUND') written.gone = true;
  }

  /** Shorter where the end comes. */
  private async pause(ms: number): Promise<void> {
    await Promise.allSettled([delay(ms, undefined, { signal: this.stop })]);
  }

  private expectClarionError(error: unknown): void {
    if (!(error instanceof ClarionError)) this.witness.problem(`the SDK threw ${String(error)}`);
  }
}

function reasonOf(error: unknown): string | null {
  return error instanceof ClarionError ? error.reason : null;
}
