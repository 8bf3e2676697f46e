import { setTimeout as delay } from 'node:timers/promises';
import { TERMINAL_EVENTS, type DurableEvent } from '@clarion/protocol';
import { rowsOf } from '../support/database';
import { measureHealing, type Healing } from './canary';
import { KEPT_EVENTS, tokenOf, type Deployment } from './deployment';
import { Device } from './device';
import { wasAnswered, type Deletions } from './erasure';
import { overlap, strike, type FaultName } from './faults';
import type { Participant } from './judge';
import { acceptanceOf } from './message';
import { Phases } from './phases';
import type { Random } from './random';
import { archiveTrimmed, trimmedEvents, trimUntil } from './retention';
import { SdkUser } from './sdk-user';
import type { StoredRun, Truth } from './truth';
import { User } from './user';
import { Stopwatch, Tally, Witness } from './witness';

const SETTLE_LIMIT_MS = 60_000;
const DELIVERY_LIMIT_MS = 15_000;
const MOST_CODES = 60;
const AUDITOR = 'auditor';
/** How often a second fault joins the first. */
const OVERLAPS = 0.3;
/** One user in so many lives on the SDK. */
const SDK_SHARE = 4;

interface Mailbox {
  readonly user_id: string;
  readonly epoch: string;
  readonly head: number;
}

export interface LedgerOptions {
  readonly users: number;
  readonly durationMs: number;
  /** Struck in a shuffled order, again and again; now and then two at once. */
  readonly faults: readonly FaultName[];
  /** Pause between a fault's healing and the next fault. */
  readonly calmMs: { readonly least: number; readonly most: number };
}

export interface FaultRow extends Healing {
  readonly at: number;
  /** Two that overlapped are one row. */
  readonly name: string;
  readonly lasted: number;
}

/** What one user has done and seen, and what of it is a difference. */
export interface History {
  readonly user: string;
  readonly problems: readonly string[];
  readonly story: string;
}

export interface LedgerResult {
  readonly faults: readonly FaultRow[];
  readonly tally: Tally;
  /** What no single user's history shows. */
  readonly problems: readonly string[];
  readonly histories: readonly History[];
  readonly differences: number;
}

/** One run of the ledger: users live, faults strike, everything settles, and what everybody was told is compared. */
export class Ledger {
  private readonly clock = new Stopwatch();
  private readonly tally = new Tally();
  private readonly users: User[] = [];
  private readonly sdkUsers: SdkUser[] = [];
  private readonly problems: string[] = [];
  private readonly faults: FaultRow[] = [];
  private readonly befell: { at: number; text: string }[] = [];

  constructor(
    private readonly deployment: Deployment,
    private readonly random: Random,
    private readonly options: LedgerOptions,
    private readonly phases: Phases = new Phases(),
  ) {}

  private get participants(): readonly Participant[] {
    return [...this.users, ...this.sdkUsers];
  }

  async run(): Promise<LedgerResult> {
    await archiveTrimmed(await this.deployment.postgres.currentUrl());
    const canary = await this.populate();
    const stop = new AbortController();
    const lives = this.participants.filter((one) => one !== canary).map((one) => one.live(stop.signal));
    const { url } = this.deployment.proxy;
    const trimming = trimUntil(stop.signal, url, this.random.fork('retention'), this.tally);
    await this.phases.of('living', () => this.strikeUntilTheEnd(canary));
    stop.abort();
    await this.phases.of('last answers', () => Promise.all([...lives, trimming]));
    await this.phases.of('settling', () => this.settle());
    // Before the comparing, which keeps this process busy for seconds, and with it the proxies before PostgreSQL and Redis.
    await this.phases.of('looking up codes', () => this.lookUpCodes());
    await this.phases.of('comparing', () => this.compare());
    await this.phases.of('stopping', () => Promise.all(this.participants.map((one) => one.close())));
    return this.result();
  }

  /** The last user is the canary. */
  private async populate(): Promise<User> {
    for (let index = 0; index <= this.options.users; index += 1) {
      const name = index === this.options.users ? 'canary' : `user${index}`;
      const random = this.random.fork(name);
      const setup = { url: this.deployment.proxy.url, token: await tokenOf(name), polling: random.chance(0.2) };
      const witness = new Witness(name, this.clock, this.tally);
      this.users.push(new User(witness, random, setup, () => this.users));
    }
    for (let index = 0; index < this.options.users / SDK_SHARE; index += 1) {
      const name = `sdk${index}`;
      const witness = new Witness(name, this.clock, this.tally);
      this.sdkUsers.push(new SdkUser(witness, this.random.fork(name), this.deployment.proxy.url));
    }
    const canary = this.users.at(-1);
    if (canary === undefined) throw new Error('the ledger has at least a canary');
    return canary;
  }

  private async strikeUntilTheEnd(canary: User): Promise<void> {
    const random = this.random.fork('faults');
    const { durationMs, faults, calmMs } = this.options;
    let deck: FaultName[] = [];
    for (;;) {
      await delay(random.int(calmMs.least, calmMs.most));
      if (this.clock.now >= durationMs) return;
      if (deck.length === 0) deck = random.shuffled(faults);
      const name = deck.pop();
      if (name === undefined) continue;
      const joins = random.chance(OVERLAPS) ? random.pick(faults.filter((other) => overlap(name, other))) : undefined;
      await this.strikeTogether(joins === undefined ? [name] : [name, joins], random, canary);
    }
  }

  private async strikeTogether(names: readonly FaultName[], random: Random, canary: User): Promise<void> {
    const at = this.clock.now;
    await Promise.all(names.map((one) => this.strikeOnce(one, random)));
    const name = names.join(' + ');
    const lasted = this.clock.now - at;
    const healing = await measureHealing(canary);
    this.befell.push({ at: this.clock.now, text: `${name} healed` });
    if (healing.completes === null) this.problems.push(`${name} at ${Math.round(at)} ms did not heal`);
    this.faults.push({ at, name, lasted, ...healing });
  }

  private async strikeOnce(name: FaultName, random: Random): Promise<void> {
    this.befell.push({ at: this.clock.now, text: name });
    const { lastsMs, mend } = await strike(name, this.deployment, random);
    await delay(lastsMs);
    await mend();
    this.befell.push({ at: this.clock.now, text: `${name} mended` });
  }

  /** Every run has ended by itself, in bounded time. */
  private async settle(): Promise<void> {
    const deadline = this.clock.now + SETTLE_LIMIT_MS;
    for (;;) {
      const open = await this.rows<{ id: string; user_id: string; status: string }>(
        'SELECT id, user_id, status FROM runs WHERE finished_at IS NULL',
      );
      if (open.length === 0) return;
      if (this.clock.now > deadline) {
        for (const { id, user_id, status } of open) this.problems.push(`run ${id} of ${user_id} is still ${status}`);
        return;
      }
      await delay(200);
    }
  }

  /** Everybody comes back once more, and is compared with the whole mailbox and with the rows. */
  private async compare(): Promise<void> {
    const mailboxes = await this.rows<Mailbox>('SELECT user_id, epoch, head::int FROM mailboxes');
    const audited = await Promise.all(
      this.participants.map(async (participant) => {
        const { user } = participant.witness;
        const mailbox = mailboxes.find(({ user_id }) => user_id === user);
        await participant.catchUp(mailbox?.head ?? 0);
        const retained = mailbox === undefined ? [] : await this.audit(participant.witness, mailbox);
        return { participant, user, retained };
      }),
    );
    // Retention may have gone on until now; what it took before the audit belongs to the log.
    const truthOf = await this.readTruth();
    for (const { participant, user, retained } of audited) {
      const truth = truthOf(user, retained);
      if (retained.length < Math.min(KEPT_EVENTS, truth.log.length))
        participant.witness.problem(`retention has left ${retained.length} of ${truth.log.length} events`);
      participant.judge(truth);
      this.count(truth);
    }
    for (const user of this.users) this.countMessages(user);
    for (const { deletions } of this.participants) this.countDeletions(deletions);
  }

  private async readTruth(): Promise<(user: string, retained: readonly DurableEvent[]) => Truth> {
    const stored = await this.rows<StoredRun & { user_id: string }>(
      `SELECT m.user_id, m.client_message_id, m.id AS message_id, m.run_id, r.status
       FROM messages m LEFT JOIN runs r ON r.id = m.run_id WHERE m.role = 'user'`,
    );
    const threads = await this.rows<{ user_id: string; id: string }>(
      `SELECT user_id, id FROM threads UNION SELECT user_id, thread_id FROM messages UNION SELECT user_id, thread_id FROM runs`,
    );
    const removed = await trimmedEvents(await this.deployment.postgres.currentUrl());
    return (user, retained) => {
      const before = removed.get(user) ?? [];
      const first = retained[0]?.seq ?? Infinity;
      return {
        log: [...before.map(({ event }) => event).filter(({ seq }) => seq < first), ...retained],
        trimmed: new Map(before.map(({ event, at }) => [event.seq, at])),
        stored: stored.filter(({ user_id }) => user_id === user),
        threads: threads.filter(({ user_id }) => user_id === user).map(({ id }) => id),
      };
    };
  }

  /** What is retained of the mailbox, as a client gets it that has nothing. */
  private async audit(witness: Witness, { epoch, head }: Mailbox): Promise<readonly DurableEvent[]> {
    const setup = { url: this.deployment.proxy.url, token: await tokenOf(witness.user), polling: false };
    const auditor = new Device(AUDITOR, setup, witness, `${epoch}:0`);
    await auditor.until(() => auditor.view.seq >= head, DELIVERY_LIMIT_MS);
    auditor.close();
    return auditor.view.events;
  }

  private count({ log, trimmed }: Truth): void {
    this.tally.add('durable events trimmed', trimmed.size);
    this.tally.add('durable events', log.length);
    for (const { type, data } of log) {
      if (TERMINAL_EVENTS.has(type)) this.tally.add(`runs ${type}`);
      if ('by' in data && data.by === 'thread_deleted') this.tally.add('runs ended with their thread');
    }
  }

  private countDeletions(deletions: Deletions): void {
    this.tally.add('thread deletions', deletions.size);
    this.tally.add('thread deletions answered', [...deletions.values()].filter(wasAnswered).length);
  }

  private countMessages({ messages, devices }: User): void {
    this.tally.add('messages', messages.length);
    this.tally.add('messages accepted', messages.filter((message) => acceptanceOf(message) !== undefined).length);
    for (const { views } of devices) for (const { events } of views) this.tally.add('deliveries', events.length);
  }

  private async lookUpCodes(): Promise<void> {
    const all = this.participants.flatMap(({ witness }) =>
      [...witness.codes].map(([code, where]) => ({ witness, code, where })),
    );
    const sample = this.random.fork('codes').shuffled(all).slice(0, MOST_CODES);
    const headers = { authorization: `Bearer ${await tokenOf('root', { scope: 'admin' })}` };
    const lookUp = async ({ witness, code, where }: (typeof sample)[number]): Promise<void> => {
      const url = `${this.deployment.proxy.url}/admin/api/errors/${code}`;
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
      const body = (await response.json()) as { support_code?: string };
      if (response.status !== 200 || body.support_code !== code)
        witness.problem(`${where}: ${code} is not found (${response.status})`);
    };
    await Promise.all(sample.map(lookUp));
    this.tally.add('support codes looked up', sample.length);
    this.tally.add('support codes shown', all.length);
  }

  private async rows<Row>(text: string): Promise<Row[]> {
    return rowsOf<Row>(await this.deployment.postgres.currentUrl(), text);
  }

  private result(): LedgerResult {
    const problems = [...this.problems, ...this.deployment.unexpectedEnds()];
    const histories = this.participants.map(({ witness }) => {
      return { user: witness.user, problems: witness.problems, story: witness.story(this.befell) };
    });
    const differences = problems.length + histories.reduce((sum, one) => sum + one.problems.length, 0);
    return { faults: this.faults, tally: this.tally, problems, histories, differences };
  }
}
