import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { ComponentError } from '../errors';
import { Database, type Transaction } from '../persistence';
import { insertionOf, newIds } from './accepting';
import type { AgentRunner } from './agent';
import { createAgentContext } from './agent-context';
import { LeaseBatch } from './lease-batch.service';
import type { Run } from './run';
import { RunStore } from './run.store';

const CONTENT = 'health check';
const AGENT = 'health-check';

/** Answers with its message. No client can ask for it: it is no agent of the registry. */
const RUNNER: AgentRunner = {
  async *run({ message }) {
    yield message;
  },
};

/** Ends the transaction, and takes with it all that was done. */
class RolledBack extends Error {
  override readonly name = 'RolledBack';
}

/** Dispatches an agent the way of every run: accepts a message, leases its run, drives the agent, ends the run; and rolls all of it back. */
@Injectable()
export class DispatchCanary {
  constructor(
    private readonly database: Database,
    private readonly leases: LeaseBatch,
    private readonly runs: RunStore,
  ) {}

  /** Resolves when the run has ended as it should. @throws ComponentError AGENT_OUTPUT_INVALID, or of the database */
  async fly(): Promise<void> {
    try {
      await this.database.transaction((tx) => this.dispatch(tx));
    } catch (error) {
      if (!(error instanceof RolledBack)) throw error;
    }
  }

  private async dispatch(tx: Transaction): Promise<never> {
    // Of nobody else's rows any is locked: processes that do this at the same time do not meet.
    const user_id = uuidv7();
    const message = { client_message_id: user_id, content: CONTENT };
    const ids = newIds(message);
    const agent = { name: AGENT, description: '', runner: RUNNER };
    const admitted = { user_id, message, agent, max_attempts: 1, position: 0, claimable: true, ids };
    const { text, values } = insertionOf([admitted], 0);
    await tx.query(text, values);
    const [taken] = await this.leases.take(tx, [{ runId: ids.run_id, key: uuidv7() }]);
    const content = taken ? await answerOf(taken.run) : null;
    if (!taken || content !== CONTENT) {
      throw ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', { details: { agent: AGENT } });
    }
    await this.runs.end(tx, [{ run: taken.run, outcome: { status: 'completed', content, usage: null } }]);
    throw new RolledBack();
  }
}

async function answerOf({ id: run_id, thread_id, user_id, attempt }: Run): Promise<string> {
  const { signal } = new AbortController();
  const source = { message: CONTENT, run_id, thread_id, user_id, attempt, signal, history: async () => [] };
  let text = '';
  for await (const output of RUNNER.run(createAgentContext(source))) if (typeof output === 'string') text += output;
  return text;
}
