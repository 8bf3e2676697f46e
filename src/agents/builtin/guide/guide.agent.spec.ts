import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '@clarion/protocol';
import { ALL_REASONS, CATALOGUE, type HealthWords } from '../../../errors';
import type { AgentOutput, HistoryMessage } from '../../agent';
import { createAgentContext } from '../../agent-context';
import { HealthSummary, SupportCodeLookup, type SupportCodeStory } from './contracts';
import { GuideAgent } from './guide.agent';
import { Library } from './library';
import { anchorOf } from './markdown';

const ROOT = join(__dirname, '../../../..');
const CODE = 'DATABASE_UNAVAILABLE_7K3F9QXM';

class AlicesFailures extends SupportCodeLookup {
  async find(code: string, userId: string): Promise<SupportCodeStory | null> {
    if (code !== CODE || userId !== 'alice') return null;
    return { reason: 'DATABASE_UNAVAILABLE', timestamp: '2026-11-21T17:30:00.000Z', operation: 'socket.chat_message' };
  }
}

class QueuesDown extends HealthSummary {
  async summary(): Promise<HealthWords> {
    return { status: 'failed', failed: ['queues'], degraded: ['tasks'] };
  }
}

const guide = new GuideAgent(new Library(), new AlicesFailures(), new QueuesDown());

interface Answer {
  text: string;
  pieces: string[];
  tools: string[];
  sources: string[];
}

async function ask(message: string, { user_id = 'alice', earlier = [] as HistoryMessage[] } = {}): Promise<Answer> {
  const ids = { run_id: 'r', thread_id: 't', user_id, attempt: 1 };
  const ctx = createAgentContext({
    ...ids,
    message,
    signal: new AbortController().signal,
    history: async () => earlier,
  });
  const outputs: AgentOutput[] = [];
  for await (const output of guide.run(ctx)) outputs.push(output);
  const pieces = outputs.filter((output) => typeof output === 'string');
  const text = pieces.join('');
  const tools = outputs.flatMap((o) => (typeof o === 'object' && o.type === 'tool_executing' ? [o.tool] : []));
  return { text, pieces, tools, sources: /^Sources: (.*)$/m.exec(text)?.[1]?.split(', ') ?? [] };
}

describe('the guide', () => {
  it.each<[string, string[], string]>([
    ['How do I start Clarion?', ['npm ci', 'npm start'], 'docs/OPERATIONS.md#start-and-stop'],
    ['how can I change the port', ['PORT=3999 npm start'], 'docs/OPERATIONS.md#start-and-stop'],
    ['How do I write an agent?', ['@Agent({', 'async *run(ctx'], 'docs/AGENTS.md#an-agent-in-twenty-lines'],
    ['Is my message lost if the server crashes?', ['No message is lost'], 'docs/OPERATIONS.md#after-a-crash'],
    ['How do I look up a support code?', ['npm run lookup'], 'docs/OPERATIONS.md#look-up-a-support-code'],
    ['What do I need in production?', ['NODE_ENV=production', 'AUTH_JWT_SECRET'], 'docs/OPERATIONS.md#production'],
    ['What does run_cancel do?', ['also before the run has started'], 'docs/PROTOCOL.md#2-client--server'],
    ['What is the cursor for?', ['the last durable event this client has processed'], 'docs/PROTOCOL.md#1-connecting'],
    ['what is keep_index', ['agent_recovering'], 'docs/PROTOCOL.md#3-server--client-durable-events'],
    [
      'How does a client build an answer from deltas?',
      ['Building an answer'],
      'docs/PROTOCOL.md#4-server--client-ephemeral-events',
    ],
    ['how do i reconnect', ['Where reconnecting can help'], 'docs/PROTOCOL.md#6-disconnecting'],
    ['How can a tool of an agent fail?', ['AGENT_TOOL_FAILED'], 'docs/AGENTS.md#tools'],
  ])('answers "%s" from the documents and names the source', async (question, contents, source) => {
    const { text, sources, tools } = await ask(question);
    for (const content of contents) expect(text).toContain(content);
    expect(sources).toContain(source);
    expect(tools).toEqual(['search_docs']);
  });

  it('explains 1005: component, meaning, every reason, what to do, sources', async () => {
    const { text, sources, tools } = await ask('What does error 1005 mean?');
    expect(tools).toEqual(['explain_error']);
    expect(text).toContain('**Error 1005 comes from the component Database.**');
    const reasons = ALL_REASONS.filter((reason) => CATALOGUE[reason].code === 1005);
    for (const reason of reasons) expect(text).toMatch(new RegExp(`^- \`${reason}\`: .+`, 'm'));
    expect(text).toContain('What to do:');
    expect(sources).toEqual(
      expect.arrayContaining(['docs/PROTOCOL.md#5-errors', 'docs/errors/DATABASE_UNAVAILABLE.md']),
    );
  });

  it('explains every code, also by its close code, and every reason', async () => {
    for (const code of ERROR_CODES) expect((await ask(`why ${code}?`)).text).toContain(`Error ${code} comes from`);
    expect((await ask('closed with 4507')).text).toContain('Error 1007 comes from');
    for (const reason of ALL_REASONS) {
      const { text, tools } = await ask(`what is ${reason.toLowerCase()}`);
      expect(text).toContain(`**\`${reason}\` is error ${CATALOGUE[reason].code}`);
      expect(tools).toEqual(['explain_error']);
    }
  });

  it('gives the page of a reason with it', async () => {
    const { text, sources } = await ask('What is PORT_IN_USE?');
    expect(text).toContain('**Why it happens**');
    expect(text).toMatch(/\*\*What to do\*\*\s+- User: .+\s+- Developer: .+\s+- Operator: /);
    expect(sources[0]).toBe('docs/errors/PORT_IN_USE.md');
  });

  it('says so where a number is none of the codes', async () => {
    const { text } = await ask('What is error 1012?');
    expect(text).toContain("1012 is none of Clarion's error codes");
    expect(text).toContain('1008: AgentSupervisor');
  });

  it('takes up what the question before was about', async () => {
    const earlier: HistoryMessage[] = [
      { role: 'user', content: 'What is RUN_CONFLICT?' },
      { role: 'assistant', content: 'It is a 1004.' },
    ];
    const { text } = await ask('And what do I do about it?', { earlier });
    expect(text).toContain('`RUN_CONFLICT` is error 1004');
  });

  it('tells a user of their own support code, and explains its reason', async () => {
    const { text, tools } = await ask(`I got ${CODE}, why?`);
    expect(text).toContain('happened to you on 2026-11-21 at 17:30:00 UTC, during `socket.chat_message`');
    expect(text).toContain('`DATABASE_UNAVAILABLE` is error 1005');
    expect(tools).toEqual(['lookup_support_code']);
  });

  it('tells nobody of a support code of others', async () => {
    const { text } = await ask(`I got ${CODE}, why?`, { user_id: 'mallory' });
    expect(text).toContain('I know of no failure');
    expect(text).not.toMatch(/17:30|socket\.chat_message/);
  });

  it('says how Clarion is', async () => {
    const { text, tools } = await ask('Is everything working?');
    expect(text).toContain('Clarion is **failed** right now. Failed: queues. Degraded: tasks.');
    expect(tools).toEqual(['health']);
    const more = await ask('Which health endpoints are there?');
    expect(more.text).toContain('/health/components');
    expect(more.tools).toEqual(['health', 'search_docs']);
  });

  it.each(['hello', 'Hi there!', 'What can you do?', 'thank you'])('greets back on "%s"', async (words) => {
    const { text, tools } = await ask(words);
    expect(text).toContain('I am the guide');
    expect(tools).toEqual([]);
  });

  it.each(['What is the weather in Paris?', 'Tell me a joke', 'who won the world cup', '???', '日本語'])(
    'does not guess at "%s", and says what it can be asked',
    async (question) => {
      const { text, sources } = await ask(question);
      expect(text).toContain('I found nothing about this');
      expect(text).toContain('What does error 1005 mean?');
      expect(sources).toEqual([]);
    },
  );

  it('answers the largest message at once', async () => {
    const started = performance.now();
    await ask(`hi${' '.repeat(65_000)}status`);
    await ask('status '.repeat(9_000));
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('streams an answer in many small pieces', async () => {
    const { pieces, text } = await ask('What does error 1005 mean?');
    expect(pieces.length).toBeGreaterThan(20);
    expect(pieces.every((piece) => piece.trim().split(/\s+/).length <= 3)).toBe(true);
    expect(text).toMatch(/^\*\*Error 1005/);
  });

  it('names only sections that exist', async () => {
    const questions = [
      'What does error 1005 mean?',
      `What is ${CODE}?`,
      'Is it up?',
      'How do I configure it?',
      'guarantees',
    ];
    const answers = await Promise.all(questions.map((question) => ask(question)));
    const sources = answers.flatMap((answer) => answer.sources);
    expect(sources.length).toBeGreaterThan(questions.length);
    for (const source of sources) {
      const [path = '', anchor] = source.split('#');
      expect(existsSync(join(ROOT, path))).toBe(true);
      const headings = [...readFileSync(join(ROOT, path), 'utf8').matchAll(/^#+ (.+)$/gm)].map(
        (match) => match[1] ?? '',
      );
      if (anchor !== undefined) expect(headings.map(anchorOf)).toContain(anchor);
    }
  });
});
