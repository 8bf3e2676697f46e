import { Injectable } from '@nestjs/common';
import type { RequestPayload, RequestResult } from '@clarion/protocol';
import { v7 as uuidv7 } from 'uuid';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';
import { MailboxStore, type NewEvent } from '../mailbox';
import { Database, type Transaction } from '../persistence';
import { AgentRegistry } from './agent-registry';
import { RunEnding } from './run-ending.service';
import type { Run } from './run';

type ChatMessage = RequestPayload<'chat_message'>;
type Accepted = RequestResult<'chat_message'>;

interface StoredMessage {
  id: string;
  thread_id: string;
  run_id: string;
  content: string;
}

const TITLE_LENGTH = 80;

/** Accepts a user's message: message, run and events commit together, before anybody is told. */
@Injectable()
export class MessageIntake {
  constructor(
    private readonly database: Database,
    private readonly mailbox: MailboxStore,
    private readonly registry: AgentRegistry,
    private readonly ending: RunEnding,
    private readonly config: AppConfig,
  ) {}

  /**
   * Idempotent by `client_message_id`: the same answer every time, with `duplicate: true`.
   * @throws ComponentError MESSAGE_ID_REUSED, THREAD_NOT_FOUND, RUN_CONFLICT, QUEUED_RUNS_LIMIT, AGENT_UNKNOWN, or of the database
   */
  async accept(userId: string, message: ChatMessage): Promise<Accepted> {
    const accepted = await this.database.transaction(async (tx) => {
      const earlier = await findMessage(tx, userId, message.client_message_id);
      return earlier ? duplicateOf(earlier, message) : this.acceptNew(tx, userId, message);
    });
    if (accepted !== null) return accepted;
    // Another transaction committed the same id while this one waited for it.
    const [winner] = await this.database.query<StoredMessage>(FIND_MESSAGE, [userId, message.client_message_id]);
    if (winner === undefined) throw ComponentError.database('DATABASE_CONFLICT');
    return duplicateOf(winner, message);
  }

  private async acceptNew(tx: Transaction, userId: string, message: ChatMessage): Promise<Accepted | null> {
    const agent = this.registry.get(message.agent ?? this.registry.defaultAgent);
    const threadId = await claimThread(tx, userId, message);
    const ids = { message_id: uuidv7(), thread_id: threadId, run_id: uuidv7() };
    if (!(await insertMessage(tx, userId, message, ids))) {
      // Leaves an unused thread behind only where none was named; it is taken back with it.
      if (message.thread_id === undefined) await tx.query('DELETE FROM threads WHERE id = $1', [threadId]);
      return null;
    }
    const { events, position } = await this.overlap(tx, message, threadId);
    await tx.query(
      'INSERT INTO runs (id, user_id, thread_id, message_id, agent, max_attempts) VALUES ($1, $2, $3, $4, $5, $6)',
      [ids.run_id, userId, threadId, ids.message_id, agent.name, agent.maxAttempts ?? this.config.agents.maxAttempts],
    );
    await this.mailbox.append(tx, userId, [...events, ...acceptedEvents(message, ids, agent.name, position)]);
    this.ending.wakeAfterCommit(tx, userId);
    return { ...ids, duplicate: false };
  }

  /** What the thread's unfinished runs mean for this message; `events` tell of those that it interrupts. */
  private async overlap(
    tx: Transaction,
    message: ChatMessage,
    threadId: string,
  ): Promise<{ events: NewEvent[]; position: number }> {
    const active = message.thread_id === undefined ? [] : await this.ending.lockActive(tx, threadId);
    const overlap = message.overlap ?? 'enqueue';
    if (active.length === 0) return { events: [], position: 0 };
    switch (overlap) {
      case 'reject':
        throw ComponentError.messageHandler('RUN_CONFLICT', { details: { active_run_id: active[0]?.id } });
      case 'interrupt':
        return { events: await this.ending.cancelAll(tx, active, 'interrupt'), position: 0 };
      case 'enqueue':
        this.assertRoom(active);
        return { events: [], position: active.length };
    }
  }

  private assertRoom(active: readonly Run[]): void {
    const limit = this.config.agents.queuedRunsPerThread;
    const queued = active.filter(({ status }) => status === 'queued').length;
    if (queued >= limit) throw ComponentError.messageHandler('QUEUED_RUNS_LIMIT', { details: { limit } });
  }
}

const FIND_MESSAGE =
  'SELECT id, thread_id, run_id, content FROM messages WHERE user_id = $1 AND client_message_id = $2';

async function findMessage(
  tx: Transaction,
  userId: string,
  clientMessageId: string,
): Promise<StoredMessage | undefined> {
  const [message] = await tx.query<StoredMessage>(FIND_MESSAGE, [userId, clientMessageId]);
  return message;
}

function duplicateOf(earlier: StoredMessage, message: ChatMessage): Accepted {
  if (earlier.content !== message.content)
    throw ComponentError.messageHandler('MESSAGE_ID_REUSED', {
      details: { client_message_id: message.client_message_id },
    });
  return { message_id: earlier.id, thread_id: earlier.thread_id, run_id: earlier.run_id, duplicate: true };
}

/** Locks the named thread, or makes a new one. */
async function claimThread(tx: Transaction, userId: string, message: ChatMessage): Promise<string> {
  if (message.thread_id === undefined) {
    const id = uuidv7();
    const title = message.content.trim().slice(0, TITLE_LENGTH).toWellFormed();
    await tx.query('INSERT INTO threads (id, user_id, title) VALUES ($1, $2, $3)', [id, userId, title]);
    return id;
  }
  const rows = await tx.query('UPDATE threads SET updated_at = now() WHERE id = $1 AND user_id = $2 RETURNING id', [
    message.thread_id,
    userId,
  ]);
  if (rows.length === 0) throw ComponentError.messageHandler('THREAD_NOT_FOUND');
  return message.thread_id;
}

async function insertMessage(
  tx: Transaction,
  userId: string,
  message: ChatMessage,
  ids: { message_id: string; thread_id: string; run_id: string },
): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO messages (id, user_id, thread_id, role, content, client_message_id, run_id, metadata)
     VALUES ($1, $2, $3, 'user', $4, $5, $6, $7) ON CONFLICT (user_id, client_message_id) DO NOTHING RETURNING id`,
    [
      ids.message_id,
      userId,
      ids.thread_id,
      message.content,
      message.client_message_id,
      ids.run_id,
      message.metadata === undefined ? null : JSON.stringify(message.metadata),
    ],
  );
  return rows.length > 0;
}

function acceptedEvents(
  message: ChatMessage,
  ids: { message_id: string; thread_id: string; run_id: string },
  agent: string,
  position: number,
): NewEvent[] {
  const { message_id, thread_id, run_id } = ids;
  const { content, client_message_id } = message;
  return [
    { type: 'message_created', data: { message_id, role: 'user', content, client_message_id }, thread_id, run_id },
    { type: 'run_queued', data: { agent, position }, thread_id, run_id },
  ];
}
