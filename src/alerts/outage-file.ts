import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Delivery } from './delivery.store';
import type { AlertState } from './lifecycle';

/** What happened to alerts while the database did not take it. */
export interface OutageState {
  readonly alerts: readonly AlertState[];
  readonly deliveries: readonly (Delivery & { readonly status: 'pending' | 'sent' | 'failed' })[];
}

/** One small file, replaced as a whole: a killed process leaves the state before or after a change, never a part of it. */
export class OutageFile {
  private readonly path: string;

  constructor(dataDir: string) {
    this.path = join(dataDir, 'spool', 'alerts.json');
  }

  async write(state: OutageState): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
    const draft = `${this.path}.draft`;
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(state));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, this.path);
  }

  /** Null where there is none. @throws SyntaxError for a file that somebody else has written */
  async read(): Promise<OutageState | null> {
    try {
      return JSON.parse(await readFile(this.path, 'utf8')) as OutageState;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}
