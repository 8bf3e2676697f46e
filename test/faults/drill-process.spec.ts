import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type DurableEvent, type ErrorBody, TERMINAL_EVENTS } from '@clarion/protocol';
import { ChatClient, drillWords } from '../support/chat-client';
import { ClarionProcess, ROOT } from '../support/clarion-process';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { disconnected, expectGapless } from './load';

const TOKENS = 60;
const MIDDLE = 30;
/** A checkpoint is written while it writes them. */
const PER_SECOND = 60;

/** Where it fails, and how many words may have been written by then. */
const PHASES: [string, { fail: object; think?: number; tools?: number }, number][] = [
  ['before the first output', { fail: { at_token: 0 } }, 0],
  ['in its first thought', { think: 1, fail: { phase: 'think' } }, 0],
  ['in a tool', { tools: 1, fail: { phase: 'tool' } }, 0],
  ['in mid-stream', { fail: { at_token: MIDDLE } }, MIDDLE],
  ['after the last token', { fail: { at_token: TOKENS } }, TOKENS],
];

describe('a run of drill', () => {
  let database: TestDatabase;
  let clarion: ClarionProcess;
  const clients: ChatClient[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await clarion.dispose();
    await database.drop();
  });

  const start = async (env: Record<string, string> = {}, dataDir?: string) => {
    clarion = await ClarionProcess.start({ dataDir, env: { DATABASE_URL: database.url, ...env } });
  };

  const connect = async (cursor?: string) => {
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token('ann'), cursor });
    clients.push(client);
    return client;
  };

  const drill = (client: ChatClient, kind: string, { fail, ...more }: (typeof PHASES)[number][1]) =>
    client.drill({ tokens: TOKENS, per_second: PER_SECOND, ...more, fail: { kind, ...fail } });

  /** One end, the last of all, with what had been written. */
  const expectOneEnd = (events: readonly DurableEvent[], runId: string): DurableEvent => {
    expectGapless(events);
    const ofRun = events.filter(({ run_id, type }) => run_id === runId && type !== 'notification');
    const ends = ofRun.filter(({ type }) => TERMINAL_EVENTS.has(type));
    expect(ends).toEqual([ofRun.at(-1)]);
    const { content } = ends[0]!.data as { content: string };
    expect(drillWords(TOKENS).startsWith(content)).toBe(true);
    return ends[0]!;
  };

  it.each(PHASES)('that kills its process %s on every attempt ends once, by a code', async (_phase, request, most) => {
    const env = { RUN_MAX_ATTEMPTS: '1' };
    await start(env);
    const before = await connect();
    const { run_id } = await drill(before, 'crash', request);
    await Promise.all([clarion.exit(), disconnected(before)]);
    const shown = before.answers.get(run_id)?.answer ?? '';
    await start(env, clarion.dataDir);
    const after = await connect(before.cursor);
    await after.ended(run_id);
    const end = expectOneEnd([...before.events, ...after.events], run_id);
    const { content, error } = end.data as { content: string; error: ErrorBody };
    expect(end.type).toBe('agent_failed');
    expect(error).toMatchObject({ code: 1008, reason: 'RUN_ATTEMPTS_EXHAUSTED', root_cause: null });
    for (const written of [content, shown]) expect(drillWords(most).startsWith(written)).toBe(true);
    // Half a second of words: a checkpoint at least.
    expect(content.length > 0).toBe(most > 0);
  });

  it('that blocks its only process, in whatever phase, is gone on with by it, and ends once', async () => {
    await start({ RUNS_PER_USER: '1' });
    const client = await connect();
    for (const [, { fail, ...more }] of PHASES) {
      const { run_id } = await drill(client, 'block', { ...more, fail: { ...fail, on_attempts: [1] } });
      await client.ended(run_id, 30_000);
      const end = expectOneEnd(client.events, run_id);
      expect(end).toMatchObject({ type: 'agent_completed', attempt: 1, data: { content: drillWords(TOKENS) } });
      expect(client.answers.get(run_id)?.answer).toBe(drillWords(TOKENS));
    }
  });

  it('is told of by `npm run lookup`, its attempts and tools and how long what took', async () => {
    await start();
    const client = await connect();
    const { run_id } = await client.drill({ tokens: 3, tools: 1, fail: { kind: 'provider', on_attempts: [1] } });
    await client.ended(run_id);
    const lookup = spawn(process.execPath, [join(ROOT, 'dist/cli/lookup.js'), run_id, '--url', clarion.url], {
      env: { PATH: process.env.PATH, DATA_DIR: clarion.dataDir },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed, [code]] = await Promise.all([text(lookup.stdout), once(lookup, 'exit')]);
    expect(code).toBe(0);
    expect(printed).toContain(`Run ${run_id}: completed`);
    expect(printed).toMatch(/^Attempts\n {2}1 {2}agent_started [^]*\n {2}2 {2}agent_retrying .*due after \d+ ms/m);
    expect(printed).toMatch(/^Tools\n.* drill_tool {2}attempt 1 {2}ok in \d+ ms/m);
    expect(printed).toMatch(/^ {2}ended +\S+ {2}[\d.]+ m?s in all$/m);
  });
});
