import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { Cluster } from '../support/cluster';
import { redisIsHere } from '../support/redis-server';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const WITHIN_MS = 5_000;

(redisIsHere() ? describe : describe.skip)('a revocation that another process was told of', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.create();
  });

  afterAll(() => cluster.dispose());

  it('ends the connection here within five seconds, and no other', async () => {
    const env = { AUTH_REVOCATION_SECRET: SECRET };
    const [here, there] = await Promise.all([cluster.start('gateway', env), cluster.start('gateway', env)]);
    const token = await cluster.token('ann');
    const [ann, bob] = [await cluster.connect(here, 'ann', { token }), await cluster.connect(here, 'bob')];
    const told = ann.next('error', WITHIN_MS);
    const ended = new Promise((resolve) => ann.socket.once('disconnect', resolve));

    const data = { token_sha256: createHash('sha256').update(token).digest('hex') };
    const body = JSON.stringify({ type: 'token.revoked', timestamp: new Date().toISOString(), data });
    const [id, at] = [randomUUID(), new Date()];
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(SECRET).sign(id, at, body),
    };
    const response = await fetch(`${there.url}/auth/revocations`, { method: 'POST', headers, body });
    expect(response.ok).toBe(true);
    expect(await told).toMatchObject({ error: { code: 1002, reason: 'AUTH_TOKEN_REVOKED', close_code: 4502 } });
    expect(await ended).toBe('io server disconnect');
    expect(bob.socket.connected).toBe(true);
  });
});
