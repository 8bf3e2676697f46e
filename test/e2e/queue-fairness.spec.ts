import { ClarionApp } from '../support/clarion-app';

const RUNS_PER_USER = 5;
const WORKER_CONCURRENCY = 2;

let app: ClarionApp;

beforeEach(async () => {
  const env = { RUNS_PER_USER: String(RUNS_PER_USER), WORKER_CONCURRENCY: String(WORKER_CONCURRENCY) };
  app = await ClarionApp.start({ env: { ...env, QUEUED_RUNS_PER_THREAD: '5' } });
});

afterEach(async () => {
  expect(app.closeClients()).toEqual([]);
  await app.dispose();
});

it('starts the run of the next user after no more runs than one user may have under way, of a thousand that wait', async () => {
  const heavy = await app.connect('heavy');
  const slow = { tokens: 2, per_second: 20 };
  await Promise.all(Array.from({ length: 1_000 }, () => heavy.drill(slow)));
  const ann = await app.connect('ann');
  const { run_id } = await ann.drill({ tokens: 1 });
  await ann.ended(run_id);
  const [between] = await app.query<{ runs: number; waiting: number }>(
    `SELECT count(*) FILTER (WHERE r.started_at BETWEEN own.created_at AND own.started_at) AS runs,
       count(*) FILTER (WHERE r.finished_at IS NULL) AS waiting
     FROM runs r, (SELECT * FROM runs WHERE id = $1) AS own WHERE r.user_id = 'heavy'`,
    [run_id],
  );
  // What stood in the queue, and what a worker took while the message was on its way.
  expect(between!.runs).toBeLessThanOrEqual(RUNS_PER_USER + WORKER_CONCURRENCY);
  expect(between!.waiting).toBeGreaterThan(500);
}, 60_000);

it('tells every device of a user when a queued run moves up, and says the same when it is asked', async () => {
  const [phone, laptop] = [
    await app.connect('ann', { device_id: 'phone' }),
    await app.connect('ann', { device_id: 'laptop' }),
  ];
  const bob = await app.connect('bob');
  const { thread_id, run_id: first } = await phone.drill({ tokens: 1_000, per_second: 10 });
  const second = await phone.drill({ tokens: 1_000, per_second: 10 }, { thread_id });
  const third = await phone.drill({ tokens: 1 }, { thread_id });
  const told = (run: string) =>
    [phone, laptop].map((client) =>
      client.ephemeral('queue_position').flatMap(({ run_id, position }) => (run_id === run ? [position] : [])),
    );
  const positionOf = async (run_id: string) => {
    const answer = await laptop.request('run_get', { run_id });
    return answer.ok && answer.run.position;
  };
  expect(await positionOf(third.run_id)).toBe(2);
  await phone.request('run_cancel', { run_id: first });
  await laptop.until(() => told(third.run_id).every(([last]) => last === 1) || undefined);
  expect(await positionOf(third.run_id)).toBe(1);
  await phone.request('run_cancel', { run_id: second.run_id });
  await laptop.ended(third.run_id);
  await phone.ended(third.run_id);
  expect(told(third.run_id)).toEqual([told(third.run_id)[0], told(third.run_id)[0]]);
  expect(bob.ephemeral('queue_position')).toEqual([]);
});
