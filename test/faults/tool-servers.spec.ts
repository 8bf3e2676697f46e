import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClarionProcess } from '../support/clarion-process';

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

describe('a server of tools over stdio', () => {
  it('ends with the process that started it, also when that is killed with -9', async () => {
    // It reads nothing, so that it does not notice the end of its input.
    const stubborn = { command: 'sh', args: ['-c', 'echo $$ > server.pid; exec sleep 1000'] };
    const env = { MCP_SERVERS: JSON.stringify({ stubborn }) };
    const clarion = await ClarionProcess.start({ env, ready: false });
    try {
      const file = join(clarion.dataDir, 'server.pid');
      await clarion.until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
      const pid = Number(readFileSync(file, 'utf8'));
      expect(lives(pid)).toBe(true);
      await clarion.crash(true);
      const started = performance.now();
      while (lives(pid) && performance.now() - started < 10_000) await new Promise((done) => setTimeout(done, 20));
      expect(lives(pid)).toBe(false);
    } finally {
      await clarion.dispose();
    }
  });
});
