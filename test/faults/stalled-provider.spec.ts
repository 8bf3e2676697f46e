import type { ErrorBody } from '@clarion/protocol';
import { ChatClient, drillWords } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { begin, delta, type LlmScript, LlmServer, says } from '../support/llm-server';
import { expectCompleted, expectGapless } from './load';

const TOKENS = 50;
const SILENCE_MS = 500;
const WORDS = drillWords(TOKENS);

/** Streams its words one by one, and then says nothing more, with its connection open. */
const stallsAfterItsWords: LlmScript = (response) => {
  begin(response);
  for (const word of WORDS.split(/(?= )/)) response.write(delta(word));
};

describe('a provider that stalls after 50 tokens', () => {
  let llm: LlmServer;
  let clarion: ClarionProcess;
  let client: ChatClient;

  beforeEach(async () => {
    llm = await LlmServer.start();
    const ofProvider = { LLM_BASE_URL: llm.baseUrl, LLM_API_KEY: 'key', LLM_MODEL: 'test-model' };
    const clocks = { LLM_SILENCE_TIMEOUT_MS: String(SILENCE_MS), RUN_MAX_ATTEMPTS: '2', RUN_RETRY_DELAY_MS: '50' };
    clarion = await ClarionProcess.start({ env: { ...ofProvider, ...clocks } });
    client = await ChatClient.connect(clarion.url, { token: await clarion.token('alice') });
  });

  afterEach(async () => {
    client.close();
    await clarion.dispose();
    await llm.close();
  });

  /** Asks; what was shown of the answer when the run was retried, and the run's end. */
  const ask = async (...scripts: LlmScript[]) => {
    llm.script(...scripts);
    const { run_id } = await client.say('Count to fifty', { agent: 'assistant' });
    const shown = () => client.answers.get(run_id)?.answer;
    await client.until(() => (shown() === WORDS ? true : undefined));
    const end = await client.ended(run_id);
    expectGapless(client.events);
    expect(client.schemaProblems).toEqual([]);
    return { run_id, end, shown };
  };

  const silence = {
    code: 1006,
    reason: 'PROVIDER_TIMEOUT',
    retryable: true,
    details: { timeout_ms: SILENCE_MS },
    root_cause: null,
  };

  it('is told of by its code, left, and asked again: the answer is the exact text of the second attempt', async () => {
    const { run_id, end, shown } = await ask(stallsAfterItsWords, says('All of it, and nothing of before.'));
    expect(client.of('agent_retrying')).toMatchObject([
      { run_id, attempt: 2, data: { keep_index: 0, error: silence } },
    ]);
    expect(end).toMatchObject({ type: 'agent_completed', attempt: 2 });
    expect(shown()).toBe('All of it, and nothing of before.');
    expectCompleted(client, run_id, 'All of it, and nothing of before.');
    expect([llm.requests.length, llm.abandoned]).toEqual([2, 1]);
  });

  it('and stalls again ends the run, with its code, a support code and the words that it had written', async () => {
    const { run_id, end, shown } = await ask(stallsAfterItsWords, stallsAfterItsWords);
    expect(client.of('agent_retrying')).toMatchObject([{ data: { keep_index: 0, error: silence } }]);
    expect(end).toMatchObject({ type: 'agent_failed', attempt: 2, data: { content: WORDS, error: silence } });
    const told = (end.data as { error: ErrorBody }).error;
    expect(told.user_notification.support_code).toBe(told.support_code);
    expect(told.support_code).toMatch(/^PROVIDER_TIMEOUT_[0-9A-HJKMNP-TV-Z]{8}$/);
    expect(shown()).toBe(WORDS);
    const answer = await client.request('run_get', { run_id });
    expect(answer).toMatchObject({ ok: true, run: { status: 'failed', text: WORDS } });
    expect([llm.requests.length, llm.abandoned]).toEqual([2, 2]);
  });
});
