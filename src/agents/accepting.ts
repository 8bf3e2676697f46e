import type { RequestPayload, RequestResult } from '@clarion/protocol';
import { ComponentError } from '../errors';
import type { NewEvent } from '../mailbox';
import { newId, prepared, type Statement, type Transaction } from '../persistence';
import type { RegisteredAgent } from './agent-registry';

export type ChatMessage = RequestPayload<'chat_message'>;
export type Accepted = RequestResult<'chat_message'>;

/** A message that was sent, by whom. */
export interface Sent {
  readonly user_id: string;
  readonly message: ChatMessage;
  /** W3C trace context of the request. */
  readonly traceparent?: string | null;
}

/** A message that is to be stored, with the ids that it gets. */
export interface Admitted extends Sent {
  readonly agent: RegisteredAgent;
  readonly max_attempts: number;
  /** Runs of the thread that go before. */
  readonly position: number;
  /** It may run as soon as its user's limit leaves room. */
  readonly claimable: boolean;
  readonly ids: { readonly message_id: string; readonly thread_id: string; readonly run_id: string };
}

export interface StoredMessage {
  readonly user_id: string;
  readonly client_message_id: string;
  readonly id: string;
  readonly thread_id: string;
  readonly run_id: string;
  readonly content: string;
}

const TITLE_LENGTH = 80;

const STORED = prepared(`
SELECT m.user_id, m.client_message_id, m.id, m.thread_id, m.run_id, m.content
FROM unnest($1::text[], $2::text[]) AS s (user_id, client_message_id) JOIN messages m USING (user_id, client_message_id)`);

/** The messages of these that are stored already, from whichever transaction. */
export function findStored(tx: Pick<Transaction, 'read'>, sent: readonly Sent[]): Promise<StoredMessage[]> {
  return tx.read<StoredMessage>(STORED, [
    sent.map(({ user_id }) => user_id),
    sent.map(({ message }) => message.client_message_id),
  ]);
}

/** The answer to a message that was accepted before. @throws ComponentError MESSAGE_ID_REUSED for other content */
export function duplicateOf(
  earlier: Omit<StoredMessage, 'user_id' | 'client_message_id'>,
  message: ChatMessage,
): Accepted {
  if (earlier.content !== message.content) {
    const { client_message_id } = message;
    throw ComponentError.messageHandler('MESSAGE_ID_REUSED', { details: { client_message_id } });
  }
  return { message_id: earlier.id, thread_id: earlier.thread_id, run_id: earlier.run_id, duplicate: true };
}

/** @throws ComponentError QUEUED_RUNS_LIMIT when as many runs of a thread wait as may */
export function refuseBeyondLimit(queued: number, limit: number): void {
  if (queued >= limit) throw ComponentError.messageHandler('QUEUED_RUNS_LIMIT', { details: { limit } });
}

/** New ids; the thread's is the named one. */
export function newIds({ thread_id }: ChatMessage): Admitted['ids'] {
  return { message_id: newId(), thread_id: thread_id ?? newId(), run_id: newId() };
}

/**
 * New threads, messages and runs in one statement. A message id that exists already fails it (23505). Runs are claimed at once where all that
 * their user has under way and waiting is below the limit (`$14`, 0: any): then nobody's turn is taken.
 */
const INSERT = prepared(`
WITH item AS (
  SELECT * FROM unnest($1::text[], $2::uuid[], $3::bool[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::jsonb[], $9::uuid[], $10::text[], $11::int[],
    $12::text[], $13::bool[])
    WITH ORDINALITY AS i (user_id, thread_id, new_thread, title, message_id, content, client_message_id, metadata, run_id, agent, max_attempts, traceparent,
      claimable, place)
), room AS (
  SELECT u.user_id, $14 - (SELECT count(*) FROM (SELECT FROM runs r WHERE r.user_id = u.user_id AND r.finished_at IS NULL LIMIT $14) AS active) AS places
  FROM (SELECT DISTINCT user_id FROM item WHERE claimable AND $14 > 0) AS u
), judged AS (
  SELECT item.*, claimable AND ($14 = 0 OR row_number() OVER (PARTITION BY user_id ORDER BY place) <= room.places) AS claimed
  FROM item LEFT JOIN room USING (user_id)
), thread AS (
  INSERT INTO threads (id, user_id, title) SELECT thread_id, user_id, title FROM item WHERE new_thread
), message AS (
  INSERT INTO messages (id, user_id, thread_id, role, content, client_message_id, run_id, metadata)
  SELECT message_id, user_id, thread_id, 'user', content, client_message_id, run_id, metadata FROM item ORDER BY place
)
INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts, traceparent, dispatch, dispatched_at)
SELECT run_id, user_id, thread_id, message_id, agent, max_attempts, traceparent, claimed::int, CASE WHEN claimed THEN now() END FROM judged ORDER BY place
RETURNING id AS run_id, dispatch, user_id, thread_id, traceparent`);

/**
 * Stores admitted messages, in their order: runs of one thread get ascending ordinals. Whose runs may be claimed is to be locked before.
 * Its rows are `Claimed`: runs with a `dispatch` are, as far as `runsPerUser` goes.
 */
export function insertionOf(admitted: readonly Admitted[], runsPerUser: number): Statement {
  const values = [
    admitted.map(({ user_id }) => user_id),
    admitted.map(({ ids }) => ids.thread_id),
    admitted.map(({ message }) => message.thread_id === undefined),
    admitted.map(({ message }) => message.content.trim().slice(0, TITLE_LENGTH).toWellFormed()),
    admitted.map(({ ids }) => ids.message_id),
    admitted.map(({ message }) => message.content),
    admitted.map(({ message }) => message.client_message_id),
    admitted.map(({ message }) => (message.metadata === undefined ? null : JSON.stringify(message.metadata))),
    admitted.map(({ ids }) => ids.run_id),
    admitted.map(({ agent }) => agent.name),
    admitted.map(({ max_attempts }) => max_attempts),
    admitted.map(({ traceparent }) => traceparent ?? null),
    admitted.map(({ claimable }) => claimable),
    runsPerUser,
  ];
  return { text: INSERT, values };
}

/** What every device of the user is told of an accepted message. */
export function acceptedEvents({ message, ids, agent, position }: Admitted): NewEvent[] {
  const { message_id, thread_id, run_id } = ids;
  const { content, client_message_id } = message;
  const data = { message_id, role: 'user' as const, content, client_message_id };
  return [
    { type: 'message_created', data, thread_id, run_id },
    { type: 'run_queued', data: { agent: agent.name, position }, thread_id, run_id },
  ];
}
