import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentOutput } from './agent';
import { createAgentContext } from './agent-context';
import { CountAgent } from './builtin/count.fixture';
import { DiceTool } from './tools/dice.fixture';
import { ToolError } from './tools/tool';

function shownAfter(heading: string): string {
  const page = readFileSync(join(__dirname, '../../docs/AGENTS.md'), 'utf8');
  return /```ts\n(.*?)```/s.exec(page.slice(page.indexOf(heading)))?.[1] ?? '';
}

describe('docs/AGENTS.md', () => {
  it('shows the agent that is compiled and run here, in some twenty lines', () => {
    const shown = shownAfter('## An agent in twenty lines');
    expect(shown).toBe(readFileSync(join(__dirname, 'builtin/count.fixture.ts'), 'utf8'));
    expect(shown.trim().split('\n').length).toBeLessThanOrEqual(20);
  });

  it('shows the tool that is compiled and run here, in some twenty lines', async () => {
    const shown = shownAfter('## What a model may call, in twenty lines');
    expect(shown).toBe(readFileSync(join(__dirname, 'tools/dice.fixture.ts'), 'utf8'));
    expect(shown.trim().split('\n').length).toBeLessThanOrEqual(20);
    const ids = { run_id: 'r', thread_id: 't', user_id: 'u', signal: new AbortController().signal };
    const ctx = { ...ids, progress: () => undefined };
    expect((await new DiceTool().run({ dice: 3, sides: 1 }, ctx)).sum).toBe(3);
    await expect(new DiceTool().run({ dice: 101, sides: 6 }, ctx)).rejects.toThrow(ToolError);
  });

  it('shows the agent that calls others that is compiled here, in some twenty lines', () => {
    const shown = shownAfter('## Agents that call agents');
    expect(shown).toBe(readFileSync(join(__dirname, 'builtin/report.fixture.ts'), 'utf8'));
    expect(shown.trim().split('\n').length).toBeLessThanOrEqual(23);
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
