import { browserIsHere, withBrowser } from '../support/browser';
import { ChatClient } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';

const inBrowser = browserIsHere() ? describe : describe.skip;

inBrowser('an admin in a browser', () => {
  let clarion: ClarionProcess;

  beforeAll(async () => {
    clarion = await ClarionProcess.start();
  });

  afterAll(() => clarion.dispose());

  it('signs in with a token and sees the queue of the runs in Bull Board', async () => {
    const client = await ChatClient.connect(clarion.url, { token: await clarion.token('ann') });
    const { run_id } = await client.drill({ tokens: 3 });
    await client.ended(run_id);
    client.close();
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(`${clarion.url}/admin/queues`);
      await page.locator('[name=token]').fill(await clarion.token('root', true));
      await page.getByRole('button').click();
      await page.waitForURL('**/admin/queues**');
      await page.getByText('agent-runs').first().waitFor();
      await page.goto(`${clarion.url}/admin/queues/queue/agent-runs?status=completed`);
      await page.getByText(run_id, { exact: false }).first().waitFor();
    });
  });

  it('is told why when the token is no admin token', async () => {
    await withBrowser(async (browser) => {
      const page = await browser.newPage();
      await page.goto(`${clarion.url}/admin/session`);
      await page.locator('[name=token]').fill(await clarion.token('ann'));
      await page.getByRole('button').click();
      await page.getByText('AUTH_SCOPE_MISSING').first().waitFor();
    });
  });
});
