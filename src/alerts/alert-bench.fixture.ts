import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComponentDetail } from '@clarion/protocol';
import { Logger } from '@nestjs/common';
import { createTestDatabase, type TestDatabase } from '../../test/support/database';
import { TcpProxy } from '../../test/support/tcp-proxy';
import { WebhookReceiver } from '../../test/support/webhook-receiver';
import { Database } from '../persistence';
import { createAlertNode } from './alerts.fixture';
import type { AlertNotice } from './notice';

/** A database behind a proxy, a peer for every channel, and a health that the test makes up; anew for each test. */
export class AlertBench {
  proxy!: TcpProxy;
  database!: Database;
  dataDir!: string;
  peer!: WebhookReceiver;
  health: Record<string, ComponentDetail> = {};
  private postgres!: TestDatabase;

  /** To be called at the top of a spec file. */
  static use(): AlertBench {
    const bench = new AlertBench();
    beforeAll(() => Logger.overrideLogger(false));
    beforeEach(() => bench.open());
    afterEach(() => bench.close());
    return bench;
  }

  createNode(environment: Record<string, string> = {}) {
    const { origin } = new URL(this.peer.url);
    const { database, dataDir } = this;
    return createAlertNode({ database, dataDir, origin, health: () => this.health, environment });
  }

  told(): AlertNotice[] {
    return this.peer.received.map(({ body }) => (JSON.parse(body) as { data: AlertNotice }).data);
  }

  words(): string[] {
    return this.told().map(({ action, group }) => `${action} ${group}`);
  }

  /** As if so many seconds had passed. */
  async later(seconds: number): Promise<void> {
    await this.database.query(
      `UPDATE alerts SET opened_at = opened_at - $1 * interval '1 second', last_seen_at = last_seen_at - $1 * interval '1 second',
         notified_at = notified_at - $1 * interval '1 second', resolved_at = resolved_at - $1 * interval '1 second'`,
      [seconds],
    );
  }

  async record(reason: string, component: string, severity = 'critical', count = 1): Promise<void> {
    await this.database.query(
      `INSERT INTO error_records (support_code, code, reason, component, severity, fingerprint, operation, occurred_at, last_at, count, details, private_details, notify)
       VALUES ($1, 1005, $2, $3, $4, 'f', 'a.test', now(), now(), $5, '{}', '{}', false)`,
      [`${reason}_${Math.random()}`, reason, component, severity, count],
    );
  }

  private async open(): Promise<void> {
    this.postgres = await createTestDatabase();
    this.proxy = await TcpProxy.before(this.postgres.url);
    this.database = new Database({ poolSize: 8, connectTimeoutMs: 600, statementTimeoutMs: 2_000 });
    this.database.connect(this.proxy.through(this.postgres.url));
    this.database.markOpened();
    this.dataDir = await mkdtemp(join(tmpdir(), 'clarion-alerts-'));
    this.peer = await WebhookReceiver.start();
    this.health = {};
  }

  private async close(): Promise<void> {
    await this.database.close();
    await Promise.all([this.proxy.close(), this.peer.close(), rm(this.dataDir, { recursive: true, force: true })]);
    await this.postgres.drop();
  }
}

export function failed(reason: string): ComponentDetail {
  return { status: 'failed', reason, error: 'it does not answer', details: {} };
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
