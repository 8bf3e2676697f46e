import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ComponentDetail } from '@clarion/protocol';
import { Logger } from '@nestjs/common';
import { redisIsHere, RedisServer } from '../../test/support/redis-server';
import { WebhookReceiver } from '../../test/support/webhook-receiver';
import { Database } from '../persistence';
import { RedisConnections } from '../redis';
import { createAlertNode } from './alerts.fixture';

const FAILED: ComponentDetail = { status: 'failed', reason: 'DATABASE_UNAVAILABLE', error: 'it is away', details: {} };

/** Several processes with Redis, none of which has a database. */
(redisIsHere() ? describe : describe.skip)('processes that share Redis, without their database', () => {
  const database = new Database({ poolSize: 1, connectTimeoutMs: 100, statementTimeoutMs: 100 });
  let server: RedisServer;
  let peer: WebhookReceiver;
  let dataDir: string;
  let connections: RedisConnections[];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    [server, peer] = await Promise.all([RedisServer.start(), WebhookReceiver.start()]);
  });

  beforeEach(async () => {
    peer.reset();
    dataDir = await mkdtemp(join(tmpdir(), 'clarion-alerts-'));
    connections = [];
  });

  afterEach(async () => {
    await connections[0]?.command((redis) => redis.flushall());
    for (const redis of connections) redis.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  afterAll(() => Promise.all([server.kill(), peer.close(), database.close()]));

  async function createNode(environment: Record<string, string> = {}) {
    const redis = new RedisConnections({ url: server.url, commandTimeoutMs: 2_000 });
    connections.push(redis);
    await redis.open();
    const { origin } = new URL(peer.url);
    const health = () => ({ database: FAILED });
    const ownDir = { DATA_DIR: await mkdtemp(join(dataDir, 'node-')), OUTBOUND_TIMEOUT_MS: '5000' };
    return createAlertNode({ database, dataDir, origin, health, environment: { ...ownDir, ...environment }, redis });
  }

  async function looksAt(nodes: Awaited<ReturnType<typeof createNode>>[]): Promise<void> {
    await Promise.all(nodes.map(({ look }) => look()));
    while (nodes.some(({ outage }) => outage.busy)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  it('tell of it once, and all of them know whom', async () => {
    const nodes = [await createNode(), await createNode(), await createNode()];
    for (const _ of [1, 2, 3]) await looksAt(nodes);
    expect(peer.received).toHaveLength(1);
    const known = nodes.map(({ outage }) => outage.pending?.deliveries.map(({ status, channel }) => [status, channel]));
    expect(known).toEqual(nodes.map(() => [['sent', 'webhook']]));
  });

  it('know the channel that stood in for the first one', async () => {
    const both = { ALERT_CHANNELS: 'pagerduty,webhook' };
    const nodes = [await createNode(both), await createNode(both)];
    peer.usual = { status: 400 };
    peer.next.push({ status: 400 }, { status: 204 });
    for (const _ of [1, 2, 3]) await looksAt(nodes);
    expect(peer.received.map(({ path }) => path)).toEqual(['/v2/enqueue', '/webhook']);
    for (const { outage } of nodes)
      expect(outage.pending?.deliveries).toContainEqual(
        expect.objectContaining({ channel: 'webhook', status: 'sent' }),
      );
  });

  it('stand in for one that nobody listens to', async () => {
    const [one, other] = [await createNode(), await createNode()];
    peer.next.push({ status: 400 });
    await looksAt([one]);
    await looksAt([other]);
    expect(one.reporter.reasons).toEqual(['ALERT_UNDELIVERED']);
    expect(peer.received).toHaveLength(2);
  });

  it('tell of the next outage anew', async () => {
    const [one, other] = [await createNode(), await createNode()];
    await looksAt([one, other]);
    await one.outage.forget();
    await other.outage.forget();
    await looksAt([one, other]);
    await looksAt([one, other]);
    expect(peer.received).toHaveLength(2);
  });
});
