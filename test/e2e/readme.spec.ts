import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ClarionProcess } from '../support/clarion-process';

const ROOT = resolve(__dirname, '../..');

describe('the README', () => {
  let clarion: ClarionProcess;

  beforeAll(async () => {
    clarion = await ClarionProcess.start();
  });

  afterAll(() => clarion.dispose());

  const run = (args: string[], env: Record<string, string> = {}) =>
    promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...env }, timeout: 20_000 });

  it('shows a client that works as it stands', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? [];
    const file = join(ROOT, `readme-example-${process.pid}.mjs`);
    await writeFile(file, code.replace('http://127.0.0.1:3000', clarion.url));
    try {
      const { stdout } = await run([file], { TOKEN: await clarion.token('ann') });
      expect(stdout).toMatch(/^run [0-9a-f-]{36}\ntrue .*healthy/);
    } finally {
      await rm(file);
    }
  });

  it('asks what 1005 means and gets an answer that names its sources', async () => {
    const { stdout, stderr } = await run(['dist/cli/chat.js', '--url', clarion.url, 'What does error 1005 mean?']);
    expect(stdout).toContain('DATABASE_UNAVAILABLE');
    expect(stdout).toMatch(/Sources: .*docs\/errors\//);
    expect(stderr).toContain('explain_error');
  });

  it('lets an agent throw, and finds its support code in the log and in the look-up', async () => {
    const request = JSON.stringify({ tokens: 9, fail: { kind: 'throw', at_token: 4 } });
    const failed = await run(['dist/cli/chat.js', '--url', clarion.url, '--agent', 'drill', request]).then(
      () => null,
      (error: unknown) => error as { code: number; stderr: string },
    );
    expect(failed?.code).toBe(1);
    const [code = ''] = /AGENT_FAILED_[0-9A-Z]{8}/.exec(failed?.stderr ?? '') ?? [];
    expect(clarion.lines.filter((line) => line['support_code'] === code)).toMatchObject([
      { level: 'error', reason: 'AGENT_FAILED' },
    ]);
    const { status, body } = await clarion.get<Record<string, unknown>>(
      `/admin/api/errors/${code}`,
      await clarion.token('me', true),
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ support_code: code, operation: 'run.execute' });
  });
});
