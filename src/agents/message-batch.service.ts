import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { MailboxStore, type UserEvents } from '../mailbox';
import type { Outcome, Transaction } from '../persistence';
import {
  acceptedEvents,
  type Accepted,
  type Admitted,
  type ChatMessage,
  duplicateOf,
  findStored,
  insertionOf,
  newIds,
  refuseBeyondLimit,
  type Sent,
} from './accepting';
import { AgentRegistry } from './agent-registry';
import { Dispatcher } from './dispatcher.service';
import { type Claimed, lockClaims } from './run-claims.store';
import { RunEnding } from './run-ending.service';
import type { Run } from './run';

/** What is known of a thread under its lock, messages of this very batch included. */
interface ThreadState {
  queued: number;
  active: number;
  first: string | null;
}

/** Accepts messages that arrived together: a handful of statements for all of them, and an outcome for each. */
@Injectable()
export class MessageBatch {
  constructor(
    private readonly mailbox: MailboxStore,
    private readonly registry: AgentRegistry,
    private readonly ending: RunEnding,
    private readonly dispatcher: Dispatcher,
    private readonly config: AppConfig,
  ) {}

  /**
   * The whole of a transaction, its end included. Rows are locked in the order of the whole house: threads, runs, mailboxes. Messages that
   * interrupt come alone: `interrupted` then holds the events of the runs that they end, in the same transaction.
   */
  async accept(tx: Transaction, sent: readonly Sent[]): Promise<Outcome<Accepted>[]> {
    const earlier = new Map(
      (await findStored(tx, sent)).map((row) => [keyOf(row.user_id, row.client_message_id), row]),
    );
    const fresh = sent.filter(({ user_id, message }) => !earlier.has(keyOf(user_id, message.client_message_id)));
    const threads = await this.lockThreads(tx, fresh);
    const admitted = new Map<string, Admitted>();
    const interrupted: UserEvents[] = [];
    const outcomes: Outcome<Accepted>[] = [];
    for (const item of sent) {
      const key = keyOf(item.user_id, item.message.client_message_id);
      const twin = admitted.get(key);
      const known =
        earlier.get(key) ?? (twin && { ...twin.ids, id: twin.ids.message_id, content: twin.message.content });
      outcomes.push(
        await outcomeOf(async () => {
          if (known) return duplicateOf(known, item.message);
          const next = this.admit(item, threads);
          if (item.message.overlap === 'interrupt') interrupted.push(await this.interrupt(tx, item));
          admitted.set(key, next);
          return { ...next.ids, duplicate: false };
        }),
      );
    }
    await this.store(tx, [...admitted.values()], interrupted);
    return outcomes;
  }

  private async lockThreads(tx: Transaction, sent: readonly Sent[]): Promise<Map<string, ThreadState>> {
    const named = sent.flatMap(({ user_id, message }) =>
      message.thread_id === undefined ? [] : [{ user_id, id: message.thread_id }],
    );
    if (named.length === 0) return new Map();
    const rows = await tx.query<{ id: string; user_id: string }>(
      `SELECT t.id, t.user_id FROM threads t
       WHERE (t.id, t.user_id) IN (SELECT * FROM unnest($1::uuid[], $2::text[])) ORDER BY t.id FOR UPDATE`,
      [named.map(({ id }) => id), named.map(({ user_id }) => user_id)],
    );
    const threads = new Map<string, ThreadState>(
      rows.map(({ id, user_id }) => [keyOf(user_id, id), { queued: 0, active: 0, first: null }]),
    );
    for (const run of await this.ending.lockActive(
      tx,
      rows.map(({ id }) => id),
    ))
      count(threads.get(keyOf(run.user_id, run.thread_id)), run);
    return threads;
  }

  /** @throws ComponentError AGENT_UNKNOWN, THREAD_NOT_FOUND, RUN_CONFLICT, QUEUED_RUNS_LIMIT */
  private admit(item: Sent, threads: ReadonlyMap<string, ThreadState>): Admitted {
    const { message, user_id } = item;
    const agent = this.registry.get(message.agent ?? this.registry.defaultAgent);
    const ids = newIds(message);
    const max_attempts = agent.maxAttempts ?? this.config.agents.maxAttempts;
    const free = this.dispatcher.takes(agent.name);
    if (message.thread_id === undefined) return { ...item, agent, max_attempts, ids, position: 0, claimable: free };
    const thread = threads.get(keyOf(user_id, message.thread_id));
    if (thread === undefined) throw ComponentError.messageHandler('THREAD_NOT_FOUND');
    const position = this.positionIn(thread, message);
    thread.active = position + 1;
    thread.queued += 1;
    thread.first ??= ids.run_id;
    return { ...item, agent, max_attempts, ids, position, claimable: free && position === 0 };
  }

  private positionIn(thread: ThreadState, { overlap = 'enqueue' }: ChatMessage): number {
    if (thread.active === 0) return 0;
    const limit = this.config.agents.queuedRunsPerThread;
    switch (overlap) {
      case 'reject':
        throw ComponentError.messageHandler('RUN_CONFLICT', { details: { active_run_id: thread.first } });
      case 'interrupt':
        return 0;
      case 'enqueue':
        refuseBeyondLimit(thread.queued, limit);
        return thread.active;
    }
  }

  private async interrupt(tx: Transaction, { user_id, message: { thread_id } }: Sent): Promise<UserEvents> {
    const active = thread_id === undefined ? [] : await this.ending.lockActive(tx, [thread_id]);
    return { user_id, events: await this.ending.cancelAll(tx, active, 'interrupt') };
  }

  private async store(
    tx: Transaction,
    admitted: readonly Admitted[],
    interrupted: readonly UserEvents[],
  ): Promise<void> {
    if (admitted.length === 0) return;
    const named = admitted.flatMap(({ message }) => message.thread_id ?? []);
    if (named.length > 0) await tx.query('UPDATE threads SET updated_at = now() WHERE id = ANY($1::uuid[])', [named]);
    const { runsPerUser } = this.config.agents;
    const claiming = runsPerUser > 0 ? admitted.filter(({ claimable }) => claimable) : [];
    const users = claiming.map(({ user_id }) => user_id);
    if (users.length > 0) await lockClaims(tx, users);
    const told = admitted.map((item) => ({ user_id: item.user_id, events: acceptedEvents(item) }));
    const events = [...interrupted, ...told];
    const [runs] = await this.mailbox.appendAndCommit<[Claimed[]]>(tx, events, [insertionOf(admitted, runsPerUser)]);
    const claimed = runs.filter(({ dispatch }) => dispatch > 0);
    tx.afterCommit(() => this.dispatcher.give(claimed));
    const given = new Set(claimed.map(({ run_id }) => run_id));
    // Who stands behind another run of the thread is woken by its end.
    const waiting = admitted.filter(({ ids, position }) => position === 0 && !given.has(ids.run_id));
    for (const { user_id } of waiting) this.ending.wakeAfterCommit(tx, user_id);
  }
}

/** User ids and message ids contain no U+0000. */
function keyOf(userId: string, id: string): string {
  return `${userId}\0${id}`;
}

function count(thread: ThreadState | undefined, run: Run): void {
  if (thread === undefined) return;
  thread.active += 1;
  if (run.status === 'queued') thread.queued += 1;
  thread.first ??= run.id;
}

/** A refusal is the outcome of its own message; any other failure is the batch's. */
async function outcomeOf(work: () => Promise<Accepted>): Promise<Outcome<Accepted>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof ComponentError && error.definition.component === 'MessageHandler') return { ok: false, error };
    throw error;
  }
}
