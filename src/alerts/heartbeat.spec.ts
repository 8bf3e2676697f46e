import { WebhookReceiver } from '../../test/support/webhook-receiver';
import { loadConfig } from '../config';
import { OutboundHttp } from '../outbound';
import { AlertHeartbeat } from './heartbeat.task';

let peer: WebhookReceiver;
let closed: boolean;

beforeEach(async () => {
  [peer, closed] = [await WebhookReceiver.start(), false];
});
afterEach(() => (closed ? undefined : peer.close()));

function heartbeat(environment: Record<string, string> = { ALERT_HEARTBEAT_URL: peer.url }): AlertHeartbeat {
  const config = loadConfig({ OUTBOUND_PRIVATE_ADDRESSES: '1', OUTBOUND_TIMEOUT_MS: '500', ...environment });
  return new AlertHeartbeat(config, new OutboundHttp(config.outbound));
}

describe('the heartbeat', () => {
  it('calls its receiver once a minute, as a task of which one process at a time runs one', async () => {
    const task = heartbeat();
    await task.run();
    expect(peer.received).toMatchObject([{ path: '/hook', body: '' }]);
    expect(task.schedule).toEqual({ everyMs: 60_000 });
  });

  it('calls nobody where none is configured', async () => {
    await heartbeat({}).run();
    expect(peer.received).toEqual([]);
  });

  it.each([
    ['refuses', { status: 404 }, 'rejected 404'],
    ['is broken', { status: 500 }, 'rejected 500'],
    ['never answers', 'never', 'timed_out'],
    ['does not end its answer', 'trickle', 'timed_out'],
  ] as const)('is an attempt that failed where the receiver %s', async (_, behaviour, why) => {
    peer.next.push(behaviour);
    await expect(heartbeat().run()).rejects.toThrow(`The heartbeat was not taken: ${why}`);
  });

  it('is an attempt that failed where the receiver is away', async () => {
    const task = heartbeat();
    await peer.close();
    closed = true;
    await expect(task.run()).rejects.toThrow('The heartbeat was not taken: unreachable  ECONNREFUSED');
  });
});
