import { setTimeout as delay } from 'node:timers/promises';
import { ChatClient, Refused } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { rowsOf } from '../support/database';
import { TcpProxy } from '../support/tcp-proxy';
import { expectCompleted, expectEndedOnce, expectGapless, Sender, type Sent } from './load';
import { StoppablePostgres } from './stoppable-postgres';

jest.setTimeout(60_000);

const SENDERS = 20;
const ANSWER_LIMIT_MS = 2_000;
const RETURN_LIMIT_MS = 5_000;
const OUTAGE_MS = 3_500;

describe('a database that goes away under load', () => {
  let postgres: StoppablePostgres;
  let proxy: TcpProxy;
  let clarion: ClarionProcess;
  let admin: string;
  let senders: Sender[] = [];
  let watch: Watch;

  beforeAll(async () => {
    postgres = await StoppablePostgres.start();
    proxy = await TcpProxy.before(postgres.url);
    clarion = await ClarionProcess.start({
      env: { DATABASE_URL: proxy.through(postgres.url), MESSAGES_PER_MINUTE: '100000', LOG_LEVEL: 'error' },
    });
    admin = await clarion.token('root', true);
  });

  beforeEach(() => {
    watch = new Watch(clarion);
  });

  afterEach(async () => {
    proxy.heal();
    await postgres.revive();
    await watch.stop();
    for (const sender of senders) sender.close();
  });

  afterAll(async () => {
    await clarion.dispose();
    await proxy.close();
    await postgres.dispose();
  });

  it.each<[string, () => Promise<void> | void, () => Promise<void> | void]>([
    ['is killed', () => postgres.kill(), () => postgres.start()],
    ['freezes', () => postgres.freeze(), () => postgres.thaw()],
    ['cannot be reached', () => proxy.refuse(), () => proxy.heal()],
    ['is cut off by a silent network', () => proxy.hang(), () => proxy.heal()],
  ])('and %s: answered in time, coded, nothing lost, well again by itself', async (what, breakIt, mendIt) => {
    senders = await connectSenders(what);
    senders.forEach((sender) => sender.begin());
    await delay(1_000);

    const brokenAt = performance.now();
    await breakIt();
    const whileAway = await observeOutage(brokenAt);
    await mendIt();
    const mendedAt = performance.now();
    const back = await observeReturn(mendedAt);
    await Promise.all(senders.map((sender) => sender.stop()));
    await watch.stop();

    const accepted = senders.flatMap((sender) => sender.accepted);
    const refused = senders.flatMap((sender) => sender.refused);
    console.log(`${what}: ${JSON.stringify({ ...whileAway, ...back, ...summary(accepted, refused, brokenAt) })}`);
    expect(watch.unwell).toEqual([]);
    expectCodedInTime(
      senders.flatMap(({ sent }) => sent),
      refused,
    );
    await expectAllEnded(senders);
    console.log(
      `${what}: the last run from before the fault ended ${lastEndOf(senders, brokenAt, mendedAt)} ms after the return`,
    );
    await expectEndedOnce(postgres.url, accepted);
    await expectRecordedOnce(refused);
  });

  function connectSenders(what: string): Promise<Sender[]> {
    const names = Array.from({ length: SENDERS }, (_, index) => `${what.replaceAll(' ', '-')}-${index}`);
    return Promise.all(names.map((user) => Sender.connect(clarion, user)));
  }

  /** What somebody sees who comes, probes and looks up while the database is away. */
  async function observeOutage(brokenAt: number) {
    const firstRefusal = await until(() => senders.flatMap(({ refused }) => refused)[0]);
    await clarion.until(() => unreadyFor('database'));
    const notReadyAt = performance.now();
    const refusal = await refusedConnection();
    expect(refusal.envelope.error).toMatchObject({ code: 1005, retryable: true, component: 'Database' });
    const codes = [firstRefusal.error, refusal.envelope.error].map((error) => error?.support_code ?? '');
    for (const code of codes) await expectFound(code);
    await delay(Math.max(0, OUTAGE_MS - (performance.now() - brokenAt)));
    return {
      first_refusal_ms: Math.round(firstRefusal.answeredAt - brokenAt),
      not_ready_ms: Math.round(notReadyAt - brokenAt),
    };
  }

  async function unreadyFor(component: string): Promise<boolean> {
    const { status, body } = await clarion.get<{ error?: object }>('/health/ready');
    return status === 503 && component in (body.error ?? {});
  }

  async function refusedConnection(): Promise<Refused> {
    const token = await clarion.token('latecomer');
    const [outcome] = await Promise.allSettled([ChatClient.connect(clarion.url, { token })]);
    if (outcome.status === 'fulfilled') throw new Error('a connection was admitted while the database was away');
    expect(outcome.reason).toBeInstanceOf(Refused);
    return outcome.reason as Refused;
  }

  async function expectFound(code: string): Promise<void> {
    const { status, body } = await clarion.get(`/admin/api/errors/${code}`, admin);
    expect({ status, body }).toMatchObject({ status: 200, body: { support_code: code, code: 1005 } });
  }

  /** How long it takes until everyone is served again, from accepting to the end of a run. */
  async function observeReturn(mendedAt: number) {
    const accepted = await Promise.all(
      senders.map((sender) => until(() => sender.accepted.find(({ sentAt }) => sentAt > mendedAt), RETURN_LIMIT_MS)),
    );
    const allAccepted = performance.now() - mendedAt;
    const left = RETURN_LIMIT_MS - allAccepted;
    await Promise.all(senders.map(({ client }, index) => client.ended(accepted[index]?.runId ?? '', left)));
    const allRan = performance.now() - mendedAt;
    await clarion.until(() => clarion.answers('/health/ready'), RETURN_LIMIT_MS - allRan);
    const ready = performance.now() - mendedAt;
    return {
      accepts_again_ms: Math.round(allAccepted),
      runs_again_ms: Math.round(allRan),
      ready_ms: Math.round(ready),
    };
  }

  async function expectRecordedOnce(refused: readonly Sent[]): Promise<void> {
    const codes = refused.map(({ error }) => error?.support_code ?? '');
    expect(new Set(codes).size).toBe(codes.length);
    const found = async () =>
      rowsOf<{ support_code: string; count: number }>(
        postgres.url,
        'SELECT support_code, count FROM error_records WHERE support_code = ANY($1)',
        [codes],
      );
    await clarion.until(async () => (await found()).length === codes.length);
    expect((await found()).filter(({ count }) => count !== 1)).toEqual([]);
    for (const code of codes.slice(0, 3)) await expectFound(code);
  }
});

async function until<T>(find: () => T | undefined, limitMs = 10_000): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Not within ${Math.round(limitMs)} ms: ${find.toString()}`);
    await delay(10);
  }
}

/** By the clock of the events: when the last of the runs that the fault has met came to its end. */
function lastEndOf(senders: readonly Sender[], brokenAt: number, mendedAt: number): number {
  const ends = senders.flatMap(({ client, accepted }) => {
    const before = new Set(accepted.filter(({ sentAt }) => sentAt < brokenAt).map(({ runId }) => runId));
    return client.of('agent_completed').filter(({ run_id }) => before.has(run_id));
  });
  const last = Math.max(...ends.map(({ timestamp }) => Date.parse(timestamp)));
  return Math.round(last - performance.timeOrigin - mendedAt);
}

async function expectAllEnded(senders: readonly Sender[]): Promise<void> {
  for (const { client, accepted } of senders) {
    for (const { runId } of accepted) {
      await client.ended(runId ?? '');
      expectCompleted(client, runId ?? '');
    }
    expectGapless(client.events);
    expect(client.schemaProblems).toEqual([]);
  }
}

function expectCodedInTime(sent: readonly Sent[], refused: readonly Sent[]): void {
  expect(sent.filter(({ sentAt, answeredAt }) => answeredAt - sentAt > ANSWER_LIMIT_MS)).toEqual([]);
  expect(refused.length).toBeGreaterThan(SENDERS);
  expect(refused.filter(({ error }) => error?.code !== 1005 || !error.retryable)).toEqual([]);
}

function summary(accepted: readonly Sent[], refused: readonly Sent[], brokenAt: number) {
  const late = [...accepted, ...refused].filter(({ answeredAt }) => answeredAt > brokenAt);
  const slowest = Math.max(...late.map(({ sentAt, answeredAt }) => answeredAt - sentAt));
  const reasons = Object.groupBy(refused, ({ error }) => error?.reason ?? '');
  const counts = Object.fromEntries(Object.entries(reasons).map(([reason, all]) => [reason, all?.length]));
  return { accepted: accepted.length, refused: counts, slowest_answer_ms: Math.round(slowest) };
}

/** Asks for life again and again. */
class Watch {
  readonly unwell: string[] = [];
  private stopped = false;
  private readonly watching: Promise<void>;

  constructor(private readonly clarion: ClarionProcess) {
    this.watching = this.look();
  }

  stop(): Promise<void> {
    this.stopped = true;
    return this.watching;
  }

  private async look(): Promise<void> {
    while (!this.stopped) {
      const began = performance.now();
      if (!(await this.clarion.answers('/health/live')))
        this.unwell.push(`${Math.round(performance.now() - began)} ms`);
      await delay(50);
    }
  }
}
