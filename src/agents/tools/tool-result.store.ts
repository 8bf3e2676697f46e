import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../../persistence';

/** A place within a stored result. */
export interface ResultPlace {
  readonly threadId: string;
  readonly resultId: string;
  readonly offset: number;
  readonly limit: number;
}

/** Results that were too long to be given to a model at once, kept as long as their thread. */
@Injectable()
export class ToolResultStore {
  constructor(private readonly database: Database) {}

  /** The id under which it can be read on. */
  async keep(run: { run_id: string; thread_id: string }, tool: string, content: string): Promise<string> {
    const id = uuidv7();
    // Not for a thread that was deleted meanwhile.
    await this.database.query(
      `INSERT INTO tool_results (id, thread_id, run_id, tool, content)
       SELECT $1, id, $3, $4, $5 FROM threads WHERE id = $2 FOR KEY SHARE`,
      [id, run.thread_id, run.run_id, tool, content],
    );
    return id;
  }

  /** A piece of a result of the same thread, or null. Positions count characters. */
  async read({ threadId, resultId, offset, limit }: ResultPlace): Promise<{ text: string; length: number } | null> {
    const [row] = await this.database.query<{ text: string; length: number }>(
      'SELECT substr(content, $3 + 1, $4) AS text, length(content) AS length FROM tool_results WHERE id = $2 AND thread_id = $1',
      [threadId, resultId, offset, limit],
    );
    return row ?? null;
  }
}
