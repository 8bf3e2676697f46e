import { drillWords } from '../support/chat-client';
import { ClarionApp } from '../support/clarion-app';

let app: ClarionApp;

beforeAll(async () => {
  app = await ClarionApp.start();
});
afterEach(() => expect(app.closeClients()).toEqual([]));
afterAll(() => app.dispose());

/** A run of the user that waits with a question, in the middle of its words. */
async function asked(user: string) {
  const client = await app.connect(user);
  const ask = { prompt: 'Shall I go on?', at_token: 10 };
  const { run_id } = await client.drill({ tokens: 20, per_second: 0, ask });
  const event = await client.until(() => client.of('input_required')[0]);
  return { client, run_id, event, input_id: event.data.input_id };
}

describe('a question of an agent', () => {
  it('reaches the user with what is asked for, and its answer lets the answer go on', async () => {
    const { client, run_id, event, input_id } = await asked('alice');
    expect(event).toMatchObject({ run_id, attempt: 1, critical: true, data: { prompt: 'Shall I go on?' } });
    expect(event.data.schema).toMatchObject({ type: 'string' });
    const shown = await client.request('run_get', { run_id });
    const text = drillWords(10);
    expect(shown).toMatchObject({ run: { status: 'waiting', attempt: 1, text, pending_input: event.data } });
    expect(client.answers.get(run_id)?.answer).toBe(text);
    expect(await client.request('input_submit', { run_id, input_id, value: 'yes' })).toEqual({
      ok: true,
      duplicate: false,
    });
    expect(await client.ended(run_id)).toMatchObject({ type: 'agent_completed', data: { content: drillWords(20) } });
    expect(client.answers.get(run_id)).toMatchObject({ answer: drillWords(20), ended: true });
    const deltas = client.ephemeral('agent_delta').map(({ text: piece }) => piece);
    expect(deltas.join('')).toBe(drillWords(20));
    expect(await client.request('input_submit', { run_id, input_id, value: 'yes' })).toEqual({
      ok: true,
      duplicate: true,
    });
  });

  it('is shown to a device that comes later, and answered there, which every device hears', async () => {
    const { client, run_id, input_id } = await asked('bob');
    const other = await app.connect('bob', { device_id: 'other' });
    const [snapshot] = other.ephemeral('run_snapshot');
    expect(snapshot).toMatchObject({ run_id, status: 'waiting', pending_input: { input_id } });
    await other.request('input_submit', { run_id, input_id, value: 'yes' });
    for (const device of [client, other]) {
      await device.ended(run_id);
      expect(device.of('input_resolved')).toMatchObject([{ run_id, data: { input_id, outcome: 'submitted' } }]);
      expect(device.answers.get(run_id)?.answer).toBe(drillWords(20));
    }
  });

  it('refuses what does not fit, in words for the user, and stays open', async () => {
    const { client, run_id, input_id } = await asked('carol');
    const wrong = await client.request('input_submit', { run_id, input_id, value: { not: 'text' } });
    const details = { issues: [expect.stringContaining('string')] };
    expect(wrong).toMatchObject({ error: { code: 1004, reason: 'INPUT_INVALID', retryable: false, details } });
    const missing = await client.request('input_submit', { run_id, input_id: run_id, value: 'yes' });
    expect(missing).toMatchObject({ error: { code: 1004, reason: 'INPUT_NOT_FOUND' } });
    const nothing = await client.raw('input_submit', { run_id, input_id });
    expect(nothing).toMatchObject({ error: { code: 1004, reason: 'PAYLOAD_INVALID' } });
    const stranger = await app.connect('mallory');
    const foreign = await stranger.request('input_submit', { run_id, input_id, value: 'yes' });
    expect(foreign).toMatchObject({ error: { code: 1004, reason: 'RUN_NOT_FOUND' } });
    await client.request('run_cancel', { run_id });
    expect(await client.ended(run_id)).toMatchObject({ type: 'agent_cancelled', data: { content: drillWords(10) } });
    expect(client.of('input_resolved')).toMatchObject([{ data: { outcome: 'cancelled' } }]);
    const closed = await client.request('input_submit', { run_id, input_id, value: 'yes' });
    expect(closed).toMatchObject({ error: { code: 1004, reason: 'INPUT_CLOSED', details: { outcome: 'cancelled' } } });
  });
});
