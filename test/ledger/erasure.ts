import { isDeepStrictEqual } from 'node:util';
import type { DurableEvent } from '@clarion/protocol';
import type { Outcome } from './device';
import type { Truth } from './truth';

/** Thread -> how each `thread_delete` of it went. */
export type Deletions = ReadonlyMap<string, readonly Outcome<'thread_delete'>[]>;

/** What a user or an agent has written, by event; an erased event has this instead. Errors lose their details besides. */
const NOTHING_WRITTEN: { readonly [type in DurableEvent['type']]?: object } = {
  message_created: { content: '' },
  agent_thinking: { text: '' },
  agent_progress: { message: '' },
  tool_executing: { arguments: {} },
  tool_completed: { summary: '' },
  input_required: { prompt: '', schema: {} },
  agent_completed: { content: '' },
  agent_failed: { content: '' },
  agent_cancelled: { content: '' },
};

/** Which threads are deleted, and what their events were before. */
export class Erasure {
  private readonly deleted: ReadonlySet<string>;
  /** `seq` -> the event as somebody was sent it while its thread was there. */
  private readonly originals = new Map<number, DurableEvent>();

  /** @param delivered what any client of the user was sent */
  constructor(
    private readonly deletions: Deletions,
    private readonly truth: Truth,
    delivered: Iterable<DurableEvent>,
  ) {
    const left = new Set(truth.threads);
    // A deletion that nobody has answered was done as a whole or not at all.
    const done = [...deletions].filter(([thread, outcomes]) => wasAnswered(outcomes) || !left.has(thread));
    this.deleted = new Set(done.map(([thread]) => thread));
    for (const event of delivered)
      if (this.covers(event) && !this.originals.has(event.seq) && !same(event, truth.log[event.seq - 1]))
        this.originals.set(event.seq, event);
  }

  covers({ thread_id }: { readonly thread_id: string | null }): boolean {
    return thread_id !== null && this.deleted.has(thread_id);
  }

  /** What the log had before anything was erased, as far as anybody has seen it. */
  original(event: DurableEvent): DurableEvent {
    return this.originals.get(event.seq) ?? event;
  }

  /** The event is what the mailbox has, or had before its thread was deleted. */
  matches(event: DurableEvent): boolean {
    const stored = this.truth.log[event.seq - 1];
    if (same(event, stored)) return true;
    return this.covers(event) && same(erased(event), stored) && same(event, this.originals.get(event.seq));
  }

  /** Nothing of what is deleted is left, but in what retention took before. */
  problems(): string[] {
    const { log, threads, trimmed } = this.truth;
    const unanswered = [...this.deletions].filter(([, outcomes]) => outcomes.some(isForGood));
    const left = threads.filter((thread_id) => this.covers({ thread_id }));
    const written = log.filter((event) => this.covers(event) && !trimmed.has(event.seq) && !same(erased(event), event));
    return [
      ...unanswered.map(([thread]) => `deleting thread ${thread} was refused for good`),
      ...left.map((thread) => `thread ${thread} is deleted, and something of it is left`),
      ...written.map(({ type, seq, thread_id }) => `thread ${thread_id} is deleted, ${type} ${seq} has its content`),
    ];
  }
}

/** The same event, sent live or replayed. */
export function same(event: DurableEvent, stored: DurableEvent | undefined): boolean {
  return stored !== undefined && isDeepStrictEqual({ ...event, recovered: true }, { ...stored, recovered: true });
}

function erased(event: DurableEvent): DurableEvent {
  const { data } = event;
  const error = 'error' in data && data.error !== undefined ? { error: { ...data.error, details: null } } : {};
  return { ...event, data: { ...data, ...error, ...NOTHING_WRITTEN[event.type] } } as DurableEvent;
}

export function wasAnswered(outcomes: readonly Outcome<'thread_delete'>[]): boolean {
  return outcomes.some(({ kind }) => kind === 'ok');
}

function isForGood(outcome: Outcome<'thread_delete'>): boolean {
  return outcome.kind === 'refused' && !outcome.error.retryable;
}
