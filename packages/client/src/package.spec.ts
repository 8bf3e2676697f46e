import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ClarionProcess } from '../../../test/support/clarion-process';

const PACKAGE = resolve(__dirname, '..');
const ROOT = resolve(PACKAGE, '../..');
const run = promisify(execFile);

const CONSUMER = `
import { ClarionClient, ClarionError, memoryStore, type ClientStore, type RunOutcome } from '@clarion/client';
const store: ClientStore = memoryStore();
const client = new ClarionClient({ url: 'http://localhost', token: async () => 'token', store });
export const stop: () => void = client.on('agent_completed', ({ data, seq }) => {
  const content: string = data.content;
  const next: number = seq + 1;
  // @ts-expect-error an answer has no such field
  return [content, next, data.nonsense];
});
// @ts-expect-error there is no such event
client.on('nonsense', () => undefined);
// @ts-expect-error overlap is one of three words
client.send('hello', { overlap: 'whatever' });
export async function answer(): Promise<RunOutcome['status']> {
  const run = client.send('hello', { overlap: 'interrupt' });
  for await (const { index, text } of run) text.slice(index);
  const { threads } = await client.request('thread_list', { limit: 1 });
  const title: string | null | undefined = threads[0]?.title;
  return title === undefined ? (await run.final).status : 'failed';
}
export const isOurs = (error: unknown): boolean => error instanceof ClarionError && error.body.code === 1005;
`;

/** What npm would publish, installed in an empty project beside socket.io-client and nothing else. */
describe('the published package', () => {
  let project: string;
  let installed: string;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'clarion-client-'));
    installed = join(project, 'node_modules/@clarion/client');
    await run(process.execPath, [join(PACKAGE, 'build.js')]);
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: PACKAGE });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', join(project, filename), '-C', installed, '--strip-components=1']);
    await symlink(join(ROOT, 'node_modules/socket.io-client'), join(project, 'node_modules/socket.io-client'));
    await writeFile(join(project, 'package.json'), '{"type": "module"}');
  });

  afterAll(() => rm(project, { recursive: true, force: true }));

  it('needs socket.io-client alone, has the protocol inside and no zod', async () => {
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(Object.keys(manifest['dependencies'] as object)).toEqual(['socket.io-client']);
    expect(manifest['sideEffects']).toBe(false);
    const files = await readdir(installed, { recursive: true });
    expect(files).toEqual(expect.arrayContaining(['README.md', 'dist/esm/index.js', 'dist/cjs/index.d.ts']));
    for (const file of files.filter((name) => /\.(js|d\.ts)$/.test(name))) {
      const text = await readFile(join(installed, file), 'utf8');
      const imported = [...text.matchAll(/(?:from |require\(|import\()['"]([^'"]+)['"]/g)].map(([, name]) => name);
      expect(imported.filter((name) => !name?.startsWith('./'))).not.toContainEqual(
        expect.not.stringMatching(/^socket\.io-client$/),
      );
    }
  });

  it('is imported by ES modules and required by CommonJS', async () => {
    const print = 'console.log(new ClarionClient({ url: "http://x", token: () => "t" }).state.status)';
    await writeFile(join(project, 'a.mjs'), `import { ClarionClient } from '@clarion/client';\n${print}`);
    await writeFile(join(project, 'a.cjs'), `const { ClarionClient } = require('@clarion/client');\n${print}`);
    for (const file of ['a.mjs', 'a.cjs'])
      expect(await run(process.execPath, [join(project, file)])).toEqual({ stdout: 'idle\n', stderr: '' });
  });

  it('has types that stand alone, for both kinds of modules', async () => {
    const files = ['consumer.mts', 'consumer.cts'];
    for (const file of files) await writeFile(join(project, file), CONSUMER);
    const compilerOptions = {
      ...{ target: 'es2022', module: 'nodenext', lib: ['es2022', 'dom'], types: [], noEmit: true },
      ...{ strict: true, exactOptionalPropertyTypes: true },
    };
    const config = join(project, 'tsconfig.json');
    await writeFile(config, JSON.stringify({ compilerOptions, files }));
    const tsc = run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', config]);
    const { stdout } = await tsc.catch((error: unknown) => error as { stdout: string });
    expect(stdout).toBe('');
  });

  it('does what its README shows', async () => {
    const readme = await readFile(join(installed, 'README.md'), 'utf8');
    const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
    const clarion = await ClarionProcess.start();
    try {
      const outputs: string[] = [];
      for (const [index, code] of blocks.entries()) {
        const file = join(project, `readme-${index}.mjs`);
        await writeFile(file, code.replaceAll('http://127.0.0.1:3000', clarion.url));
        const webStorage = ['--experimental-webstorage', `--localstorage-file=${join(project, 'local-storage')}`];
        const user = code.includes("user: 'ann'") ? 'ann' : `reader-${index}`;
        const env = { ...process.env, TOKEN: await clarion.token(user) };
        const { stdout } = await run(process.execPath, [...webStorage, file], { env, timeout: 20_000 });
        outputs.push(stdout);
      }
      expect(outputs).toEqual([
        expect.stringMatching(/DATABASE_UNAVAILABLE[\s\S]*\ncompleted\n$/),
        expect.stringMatching(/^failed true AGENT_FAILED_[0-9A-Z]{8}\nfailed\n/),
        expect.stringMatching(/^connecting \nconnected \nuses .*\nw0 w1 w2 w3 w4\nclosed \n$/),
        '{"tokens": 3}\nw0 w1 w2\n',
        'new true\n',
      ]);
    } finally {
      await clarion.dispose();
    }
  }, 90_000);
});
