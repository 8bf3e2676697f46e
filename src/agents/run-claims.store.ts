import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { Database, prepared, type Transaction } from '../persistence';
import { AgentRegistry } from './agent-registry';
import type { RunWakeUp } from './run-queue';
import { IDLE, IS_HEAD, RUNNABLE } from './run-states';

/** A run that is to be given to the queue, and whose it is. */
export interface Claimed extends RunWakeUp {
  readonly user_id: string;
  readonly thread_id: string;
}

/** SQL: run `r` may run now and was not dispatched yet: the head run of its thread, or one that lost its worker. */
const WAITS = `${IDLE} AND r.dispatched_at IS NULL AND ${RUNNABLE} AND ${IS_HEAD}`;

/** SQL: of the runs whose ids the query gives, those that nobody has locked. As an array, so that the query is not done again for each run. */
const candidate = (ids: string): string => `candidate AS (
  SELECT id FROM runs WHERE id = ANY (ARRAY(${ids})) AND finished_at IS NULL AND dispatched_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED)`;

const DISPATCH = `
UPDATE runs SET dispatch = dispatch + 1, dispatched_at = now() FROM candidate WHERE runs.id = candidate.id
RETURNING runs.id AS run_id, runs.dispatch, runs.user_id, runs.thread_id, runs.traceparent`;

/** What of these users' (`$1`) waits for no limited agent (`$3`); of each user no more than the user's limit (`$2`, 0: any) leaves room for. */
const CLAIM_OF_USERS = prepared(`
WITH wanted AS (
  SELECT user_id FROM unnest($1::text[]) AS w (user_id)
), room AS (
  SELECT w.user_id, $2 - count(a.id) AS places FROM wanted w
  LEFT JOIN runs a ON $2 > 0 AND a.user_id = w.user_id AND a.finished_at IS NULL AND a.dispatched_at IS NOT NULL
  GROUP BY w.user_id
), next AS (
  SELECT first.id FROM room CROSS JOIN LATERAL (
    SELECT r.id FROM runs r WHERE r.user_id = room.user_id AND ${WAITS} AND r.agent <> ALL ($3::text[])
    ORDER BY r.ordinal LIMIT CASE WHEN $2 > 0 THEN greatest(0, room.places) END) AS first
), ${candidate('SELECT id FROM next')}
${DISPATCH}`);

/**
 * The line before agent `$1`, as far as its places (`$2`) and those of each user (`$3`, 0: any) go. Whoever has the fewest of its runs under way
 * is next, among equals who has waited longest since the agent last served them: how many more of them wait does not count.
 */
const LINE = `
WITH under_way AS (
  SELECT user_id, count(*) AS runs, count(*) FILTER (WHERE agent = $1) AS here FROM runs
  WHERE finished_at IS NULL AND dispatched_at IS NOT NULL GROUP BY user_id
), ranked AS (
  SELECT r.id, r.user_id, r.waiting_since, row_number() OVER (PARTITION BY r.user_id ORDER BY r.ordinal) AS place
  FROM runs r WHERE r.agent = $1 AND ${WAITS}
), line AS (
  SELECT ranked.id, ranked.user_id FROM ranked LEFT JOIN under_way USING (user_id)
  LEFT JOIN agent_turns t ON t.agent = $1 AND t.user_id = ranked.user_id
  WHERE $3 = 0 OR ranked.place <= $3 - coalesce(under_way.runs, 0)
  ORDER BY ranked.place + coalesce(under_way.here, 0), greatest(ranked.waiting_since, t.served_at), ranked.id
  LIMIT greatest(0, $2 - (SELECT coalesce(sum(here), 0) FROM under_way)))`;

/** Of those first in line whose users (`$4`) are locked. */
const CLAIM_OF_AGENT = `${LINE}, ${candidate('SELECT id FROM line WHERE user_id = ANY ($4::text[])')}
${DISPATCH}`;

const NOTE_TURNS = `
INSERT INTO agent_turns (agent, user_id, served_at) SELECT $1, user_id, clock_timestamp() FROM unnest($2::text[]) AS w (user_id)
ORDER BY user_id COLLATE "C" ON CONFLICT (agent, user_id) DO UPDATE SET served_at = excluded.served_at`;

/** Whoever waits for nothing has no turn to lose: what comes next is younger than the note. */
const FORGET_TURNS = `
DELETE FROM agent_turns t WHERE agent = $1 AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.user_id = t.user_id AND r.finished_at IS NULL)`;

/** Two claims at once would both see the same room under a user's limit. In one order, or two processes deadlock. Whoever has them waits for no thread and no run. */
const LOCK_USERS = prepared(`
SELECT pg_advisory_xact_lock(key) FROM (
  SELECT DISTINCT hashtextextended(user_id, 1) AS key FROM unnest($1::text[]) AS w (user_id) ORDER BY key) AS keys`);

/** Agents are locked before users, and one at a time. */
const LOCK_AGENT = `SELECT pg_advisory_xact_lock(hashtextextended($1, 2))`;

/** Makes runs claimable whose wake-up did not come to anything. Locked ones are left: whoever holds them changes them. */
const RELEASE = `
WITH lost AS (
  SELECT r.id FROM runs r JOIN unnest($1::uuid[], $2::int[]) AS l (run_id, dispatch) ON r.id = l.run_id AND r.dispatch = l.dispatch
  WHERE ${IDLE} FOR UPDATE OF r SKIP LOCKED)
UPDATE runs SET dispatched_at = NULL FROM lost WHERE runs.id = lost.id`;

/** Lets nobody else claim runs of these users until the transaction ends. */
export async function lockClaims(tx: Transaction, users: readonly string[]): Promise<void> {
  await tx.query(LOCK_USERS, [users]);
}

/** Decides which runs may be under way: no more than the limits of their users and agents leave room for, over all processes. */
@Injectable()
export class RunClaims {
  constructor(
    private readonly database: Database,
    private readonly registry: AgentRegistry,
    private readonly config: AppConfig,
  ) {}

  /** True when no more than so many runs of the agent may be under way. */
  limits(agent: string): boolean {
    return this.registry.concurrencyLimits.has(agent);
  }

  /** Claims what of these users' needs no place of a limited agent. */
  ofUsers(users: readonly string[]): Promise<Claimed[]> {
    return this.database.transaction(async (tx) => {
      await lockClaims(tx, users);
      return tx.query<Claimed>(CLAIM_OF_USERS, [users, this.config.agents.runsPerUser, this.limited]);
    });
  }

  /** Claims who is next in the line before the agent, whoever that is; nothing where the agent is not limited. */
  ofAgent(agent: string): Promise<Claimed[]> {
    const limit = this.registry.concurrencyLimits.get(agent);
    if (limit === undefined) return Promise.resolve([]);
    const line = [agent, limit, this.config.agents.runsPerUser];
    return this.database.transaction(async (tx) => {
      await tx.query(LOCK_AGENT, [agent]);
      const first = await tx.query<{ user_id: string }>(`${LINE} SELECT DISTINCT user_id FROM line`, line);
      return first.length === 0 ? [] : this.claimFirst(tx, line, first);
    });
  }

  /** The limited agents that runs of these users wait for. */
  async agentsFor(users: readonly string[]): Promise<string[]> {
    if (this.limited.length === 0) return [];
    const rows = await this.database.query<{ agent: string }>(
      `SELECT DISTINCT agent FROM runs r WHERE user_id = ANY ($1::text[]) AND agent = ANY ($2::text[]) AND ${WAITS}`,
      [users, this.limited],
    );
    return rows.map(({ agent }) => agent);
  }

  /** Makes runs claimable again whose wake-up came to nothing. */
  async release(wakeUps: readonly RunWakeUp[]): Promise<void> {
    await this.database.query(RELEASE, [wakeUps.map(({ run_id }) => run_id), wakeUps.map(({ dispatch }) => dispatch)]);
  }

  private async claimFirst(tx: Transaction, line: unknown[], first: { user_id: string }[]): Promise<Claimed[]> {
    const users = first.map(({ user_id }) => user_id);
    await lockClaims(tx, users);
    const claimed = await tx.query<Claimed>(CLAIM_OF_AGENT, [...line, users]);
    await tx.query(FORGET_TURNS, [line[0]]);
    await tx.query(NOTE_TURNS, [line[0], [...new Set(claimed.map(({ user_id }) => user_id))]]);
    return claimed;
  }

  private get limited(): string[] {
    return [...this.registry.concurrencyLimits.keys()];
  }
}
