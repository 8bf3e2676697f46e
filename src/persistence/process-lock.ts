import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** Key of the advisory lock that says: this process works on this database alone. An arbitrary constant. */
const LOCK_KEY = 47_111_005;
const PATIENCE_MS = 5_000;
const RETRY_MS = 100;

/**
 * An advisory lock held by a connection of its own for the life of this process. Without Redis a deployment is one process; a second one is
 * refused. PostgreSQL releases the lock when the process dies.
 */
export class ProcessLock {
  private client: Client | null = null;

  constructor(private readonly connectTimeoutMs: number) {}

  get held(): boolean {
    return this.client !== null;
  }

  /** False when another process holds the lock, also after waiting for the connection of a dead one to end. */
  async acquire(url: string): Promise<boolean> {
    if (this.client !== null) return true;
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: this.connectTimeoutMs,
      query_timeout: this.connectTimeoutMs,
      keepAlive: true,
      application_name: 'clarion process lock',
    });
    // Losing the connection loses the lock; whoever asks next acquires it again.
    const lose = (): void => {
      if (this.client === client) this.client = null;
    };
    client.on('error', lose);
    client.on('end', lose);
    await client.connect();
    if (!(await lockedInTime(client))) {
      await client.end();
      return false;
    }
    this.client = client;
    return true;
  }

  async release(): Promise<void> {
    const { client } = this;
    this.client = null;
    await client?.end();
  }
}

async function lockedInTime(client: Client): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [LOCK_KEY]);
    if (rows[0]?.locked === true) return true;
    if (performance.now() > deadline) return false;
    await delay(RETRY_MS);
  }
}
