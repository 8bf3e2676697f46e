import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Page } from 'playwright-core';
import { browserIsHere, withBrowser } from '../support/browser';
import { drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

const inBrowser = browserIsHere() ? describe : describe.skip;

/** Serves the page with the client as it is published, from an origin of its own. */
async function servePage(): Promise<Server> {
  const [script] = buildSync({
    entryPoints: [join(__dirname, 'chat-page.mjs')],
    alias: { '@clarion/client': join(__dirname, '../../packages/client/dist/esm/index.js') },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  }).outputFiles;
  const server = createServer((request, response) => {
    const isScript = request.url === '/chat-page.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? script?.text : '<!doctype html><script type="module" src="/chat-page.js"></script>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

inBrowser('a page with @clarion/client in a browser', () => {
  let server: Server;
  let origin: string;
  let clarion: ClarionApp;

  beforeAll(async () => {
    server = await servePage();
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    clarion = await ClarionApp.start({ env: { ALLOWED_ORIGINS: origin } });
  });

  afterAll(async () => {
    await clarion.dispose();
    server.close();
  });

  const inPage = <T>(page: Page, code: string): Promise<T> => page.evaluate<T>(code);

  it('goes on where it stopped when it is reloaded in mid-answer: nothing twice, nothing missing', async () => {
    const open = `chat.open('${clarion.url}', '${await clarion.token('ann')}')`;
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(origin);
      await inPage(page, `${open}.connect()`);
      const begun = await inPage<string>(page, `chat.sendAndRead('{"tokens":120,"per_second":80}', 40)`);
      expect(drillWords(120)).toContain(begun);
      await page.reload();
      const outcome = await inPage(page, `${open}.connect().then(() => chat.followActive())`);
      expect(outcome).toMatchObject({ status: 'completed', content: drillWords(120) });
      const seen = await inPage<{ seq: number; type: string }[]>(page, 'chat.seen');
      expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
      expect(seen.at(-1)?.type).toBe('agent_completed');
      expect(await inPage(page, 'chat.problems')).toEqual([]);
    });
  });

  it('sends what was written without a connection, once, after a reload', async () => {
    const open = `chat.open('${clarion.url}', '${await clarion.token('ben')}')`;
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(origin);
      await inPage(page, `void ${open}.send('{"tokens":3}', { agent: 'drill' })`);
      await page.reload();
      await inPage(page, `${open}.connect().then(() => chat.restored[0].accepted)`);
      await page.reload();
      await inPage(page, `${open}.connect()`);
      expect(await inPage(page, 'chat.restored.length')).toBe(0);
      const messages = await clarion.query<{ content: string }>(
        `SELECT content FROM messages WHERE user_id = 'ben' AND role = 'user'`,
      );
      expect(messages).toEqual([{ content: '{"tokens":3}' }]);
    });
  });

  it('shows a failure as one notification with one support code', async () => {
    const open = `chat.open('${clarion.url}', '${await clarion.token('cat')}')`;
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(origin);
      await inPage(page, `${open}.connect()`);
      const failing = `{"tokens":5,"fail":{"kind":"throw","at_token":2}}`;
      const outcome = await inPage(page, `chat.client.send('${failing}', { agent: 'drill' }).final`);
      expect(outcome).toMatchObject({ status: 'failed', error: { reason: 'AGENT_FAILED' } });
      expect(await inPage(page, 'chat.problems')).toEqual([
        expect.objectContaining({ support_code: expect.stringMatching(/^AGENT_FAILED_/) as string }),
      ]);
    });
  });
});
