import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { endClient } from './end-client';

/** Key of the advisory lock that says: this process works on this database alone. An arbitrary constant. */
const LOCK_KEY = 47_111_005;
const PATIENCE_MS = 5_000;
const RETRY_MS = 100;

/** A machine that vanished without a word must not hold the lock for the two hours of the system's default: within PATIENCE_MS it is let go. */
const NOTICE_LOSS = `
SELECT set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '2', false)`;

/**
 * An advisory lock held by a connection of its own for the life of this process. Without Redis a deployment is one process: a second one is
 * refused. Those that share a Redis share the lock. PostgreSQL releases it when the process dies.
 */
export class ProcessLock {
  private client: Client | null = null;
  private acquiring: Promise<boolean> | null = null;
  private released = false;

  /** @param shared with other processes that say so too */
  constructor(
    private readonly connectTimeoutMs: number,
    private readonly shared = false,
  ) {}

  get held(): boolean {
    return this.client !== null;
  }

  /**
   * False when another process holds the lock, also after waiting for the connection of a dead one to end. A lock that is held already is
   * proven by its connection; calls at the same time share one outcome: two connections of ours would wait for each other.
   * @throws what the connection throws
   */
  acquire(url: string): Promise<boolean> {
    this.acquiring ??= this.take(url).finally(() => (this.acquiring = null));
    return this.acquiring;
  }

  async release(): Promise<void> {
    this.released = true;
    await Promise.allSettled([this.acquiring]);
    const { client } = this;
    this.client = null;
    if (client !== null) await endClient(client);
  }

  private async take(url: string): Promise<boolean> {
    if (await this.stillHeld()) return true;
    const client = this.newClient(url);
    let locked = false;
    try {
      await client.connect();
      await client.query(NOTICE_LOSS);
      locked = await this.lockedInTime(client);
      if (locked) this.client = client;
    } finally {
      if (!locked) await endClient(client);
    }
    return locked;
  }

  /** Asks on the connection that holds the lock: a failover may have taken both without a word. */
  private async stillHeld(): Promise<boolean> {
    const { client } = this;
    if (client === null) return false;
    const [answer] = await Promise.allSettled([client.query('SELECT 1')]);
    if (answer.status === 'fulfilled' && this.client === client) return true;
    this.client = null;
    await endClient(client);
    return false;
  }

  private newClient(url: string): Client {
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
    return client;
  }

  private async lockedInTime(client: Client): Promise<boolean> {
    const deadline = performance.now() + PATIENCE_MS;
    const lock = this.shared ? 'pg_try_advisory_lock_shared' : 'pg_try_advisory_lock';
    for (;;) {
      const { rows } = await client.query<{ locked: boolean }>(`SELECT ${lock}($1) AS locked`, [LOCK_KEY]);
      if (rows[0]?.locked === true) return true;
      if (this.released || performance.now() > deadline) return false;
      await delay(RETRY_MS);
    }
  }
}
