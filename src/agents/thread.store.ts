import { Injectable } from '@nestjs/common';
import type { MessageView, ThreadView } from '@clarion/protocol';
import type { Sql, Transaction } from '../persistence';

/** Where a page of threads ends. */
export interface ThreadPlace {
  readonly updated_at: string;
  readonly id: string;
}

interface ThreadRow {
  id: string;
  title: string | null;
  created_at: Date;
  updated_at: Date;
  active_run_id: string | null;
}

type MessageRow = Omit<MessageView, 'created_at'> & { created_at: Date };

const LIST = `
SELECT id, title, created_at, updated_at,
  (SELECT r.id FROM runs r WHERE r.thread_id = t.id AND r.finished_at IS NULL ORDER BY r.ordinal LIMIT 1) AS active_run_id
FROM threads t
WHERE user_id = $1 AND ($2::timestamptz IS NULL OR (updated_at, id) < ($2::timestamptz, $3::uuid))
ORDER BY updated_at DESC, id DESC LIMIT $4`;

/** A message's place is that of the run its question began, which commits have ordered; an answer stands after its question. */
const PLACED = `
FROM messages m
JOIN runs r ON r.id = m.run_id JOIN messages question ON question.id = r.message_id JOIN runs began ON began.id = question.run_id
WHERE m.thread_id = $1`;
const PLACE = `began.ordinal, (m.role = 'assistant')`;

const MESSAGES = `
SELECT m.id AS message_id, m.thread_id, m.role, m.content, m.client_message_id, m.run_id, m.created_at ${PLACED}
  AND ($2::uuid IS NULL OR (${PLACE}) < (SELECT ${PLACE} ${PLACED} AND m.id = $2))
ORDER BY began.ordinal DESC, m.role = 'assistant' DESC LIMIT $3`;

/** Threads and their messages. */
@Injectable()
export class ThreadStore {
  /** The user's threads after a place, the one that was used last first. */
  async list(sql: Sql, userId: string, after: ThreadPlace | null, limit: number): Promise<ThreadView[]> {
    const rows = await sql.query<ThreadRow>(LIST, [userId, after?.updated_at ?? null, after?.id ?? null, limit]);
    return rows.map(({ id, created_at, updated_at, ...thread }) => ({
      ...thread,
      thread_id: id,
      created_at: created_at.toISOString(),
      updated_at: updated_at.toISOString(),
    }));
  }

  /** Some of the user's threads. */
  async idsOf(sql: Sql, userId: string, limit: number): Promise<string[]> {
    const rows = await sql.query<{ id: string }>('SELECT id FROM threads WHERE user_id = $1 LIMIT $2', [userId, limit]);
    return rows.map(({ id }) => id);
  }

  async exists(sql: Sql, userId: string, threadId: string): Promise<boolean> {
    return (await sql.query('SELECT 1 FROM threads WHERE id = $1 AND user_id = $2', [threadId, userId])).length > 0;
  }

  async hasMessage(sql: Sql, threadId: string, messageId: string): Promise<boolean> {
    return (
      (await sql.query('SELECT 1 FROM messages WHERE id = $2 AND thread_id = $1', [threadId, messageId])).length > 0
    );
  }

  /** The last messages of a thread before one of them, newest first. */
  async messages(sql: Sql, threadId: string, before: string | null, limit: number): Promise<MessageView[]> {
    const rows = await sql.query<MessageRow>(MESSAGES, [threadId, before, limit]);
    return rows.map((row) => ({ ...row, created_at: row.created_at.toISOString() }));
  }

  /** The user's thread under a row lock; false when there is none. */
  async lock(tx: Transaction, userId: string, threadId: string): Promise<boolean> {
    const rows = await tx.query('SELECT 1 FROM threads WHERE id = $1 AND user_id = $2 FOR UPDATE', [threadId, userId]);
    return rows.length > 0;
  }

  /** Removes a locked thread with its messages and runs, none of which is active. */
  async remove(tx: Transaction, threadId: string): Promise<void> {
    for (const table of ['run_steps', 'run_inputs'])
      await tx.query(`DELETE FROM ${table} WHERE run_id IN (SELECT id FROM runs WHERE thread_id = $1)`, [threadId]);
    for (const table of ['messages', 'tool_results', 'runs'])
      await tx.query(`DELETE FROM ${table} WHERE thread_id = $1`, [threadId]);
    await tx.query('DELETE FROM threads WHERE id = $1', [threadId]);
  }
}
