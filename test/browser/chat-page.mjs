// A page as a front-end engineer writes it. What it has seen lies in localStorage, so that a reload does not forget it.
import { ClarionClient } from '@clarion/client';

const seen = JSON.parse(localStorage.getItem('seen') ?? '[]');

globalThis.chat = {
  seen,
  problems: [],
  restored: [],
  open(url, token) {
    this.client = new ClarionClient({ url, token: () => token, onProblem: (problem) => this.problems.push(problem) });
    this.client.on('event', ({ seq, type }) => {
      seen.push({ seq, type });
      localStorage.setItem('seen', JSON.stringify(seen));
    });
    // What an earlier life of the page has left is known before the client is connected.
    void this.client.restore().then((runs) => this.restored.push(...runs));
    return this.client;
  },
  /** Resolves when so much of the answer is there. */
  async sendAndRead(content, length) {
    const run = this.client.send(content, { agent: 'drill' });
    for await (const { answer } of run) if (answer.length >= length) return answer;
    throw new Error('the run ended before');
  },
  /** The outcome of the run that is under way. */
  async followActive() {
    const { threads } = await this.client.request('thread_list', {});
    const active = threads.find(({ active_run_id }) => active_run_id !== null);
    return (await this.client.follow(active.active_run_id)).final;
  },
};
