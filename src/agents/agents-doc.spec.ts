import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentOutput } from './agent';
import { createAgentContext } from './agent-context';
import { CountAgent } from './builtin/count.fixture';

describe('docs/AGENTS.md', () => {
  it('shows the agent that is compiled and run here, in some twenty lines', () => {
    const shown = /```ts\n(.*?)```/s.exec(readFileSync(join(__dirname, '../../docs/AGENTS.md'), 'utf8'))?.[1];
    expect(shown).toBe(readFileSync(join(__dirname, 'builtin/count.fixture.ts'), 'utf8'));
    expect(shown?.trim().split('\n').length).toBeLessThanOrEqual(20);
  });

  it('shows an agent that works', async () => {
    const ids = { run_id: 'r', thread_id: 't', user_id: 'u', attempt: 1 };
    const history = async () => [{ role: 'user' as const, content: 'one two' }];
    const ctx = createAgentContext({ ...ids, message: 'three', signal: new AbortController().signal, history });
    const outputs: AgentOutput[] = [];
    for await (const output of new CountAgent().run(ctx)) outputs.push(output);
    expect(outputs.filter((output) => typeof output === 'string').join('')).toBe('So far we have exchanged 3 words.');
    expect(outputs).toContainEqual(expect.objectContaining({ tool: 'count_words', ok: true, summary: '3 words' }));
  });
});
