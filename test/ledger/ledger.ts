import { setTimeout as delay } from 'node:timers/promises';
import type { DurableEvent } from '@clarion/protocol';
import { measureHealing, type Healing } from './canary';
import { rowsOf, tokenOf, type Deployment } from './deployment';
import { Device } from './device';
import { strike, type FaultName } from './faults';
import { Judge, messageCounts, type StoredRun } from './judge';
import type { Random } from './random';
import { User } from './user';
import { Stopwatch, Tally, Witness } from './witness';

const SETTLE_LIMIT_MS = 60_000;
const DELIVERY_LIMIT_MS = 15_000;
const MOST_CODES = 60;
const AUDITOR = 'auditor';

export interface LedgerOptions {
  readonly users: number;
  readonly durationMs: number;
  /** Struck in a shuffled order, again and again. */
  readonly faults: readonly FaultName[];
  /** Pause between a fault's healing and the next fault. */
  readonly calmMs: { readonly least: number; readonly most: number };
}

export interface FaultRow extends Healing {
  readonly at: number;
  readonly name: FaultName;
  readonly lasted: number;
}

export interface LedgerResult {
  readonly faults: readonly FaultRow[];
  readonly tally: Tally;
  /** What no single user's history shows. */
  readonly problems: readonly string[];
  /** Users with differences. */
  readonly failing: readonly { user: string; problems: readonly string[]; story: string }[];
  readonly differences: number;
}

/** One run of the ledger: users live, faults strike, everything settles, and what everybody was told is compared. */
export class Ledger {
  private readonly clock = new Stopwatch();
  private readonly tally = new Tally();
  private readonly users: User[] = [];
  private readonly problems: string[] = [];
  private readonly faults: FaultRow[] = [];
  private readonly befell: { at: number; text: string }[] = [];

  constructor(
    private readonly deployment: Deployment,
    private readonly random: Random,
    private readonly options: LedgerOptions,
  ) {}

  async run(): Promise<LedgerResult> {
    const canary = await this.populate();
    const stop = new AbortController();
    const lives = this.users.filter((user) => user !== canary).map((user) => user.live(stop.signal));
    await this.strikeUntilTheEnd(canary);
    stop.abort();
    await Promise.all(lives);
    await this.settle();
    await this.deliverEverything();
    await this.compare();
    await this.lookUpCodes();
    for (const user of this.users) for (const device of user.devices) device.close();
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
      await this.strikeOnce(name, random, canary);
    }
  }

  private async strikeOnce(name: FaultName, random: Random, canary: User): Promise<void> {
    const at = this.clock.now;
    this.befell.push({ at, text: name });
    const { lastsMs, mend } = await strike(name, this.deployment, random);
    await delay(lastsMs);
    await mend();
    const lasted = this.clock.now - at;
    this.befell.push({ at: this.clock.now, text: `${name} mended` });
    const healing = await measureHealing(canary);
    this.befell.push({ at: this.clock.now, text: `${name} healed` });
    if (healing.completes === null) this.problems.push(`${name} at ${Math.round(at)} ms did not heal`);
    this.faults.push({ at, name, lasted, ...healing });
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

  /** Every client comes back once more, with its own cursor. */
  private async deliverEverything(): Promise<void> {
    const heads = await this.rows<{ user_id: string; head: number }>('SELECT user_id, head::int FROM mailboxes');
    const headOf = new Map(heads.map(({ user_id, head }) => [user_id, head]));
    await Promise.all(
      this.users.flatMap(({ witness, devices }) =>
        devices.map(async (device) => {
          device.leave();
          device.comeBack();
          await device.until(
            () => device.connected && device.view.seq >= (headOf.get(witness.user) ?? 0),
            DELIVERY_LIMIT_MS,
          );
        }),
      ),
    );
  }

  private async compare(): Promise<void> {
    const stored = await this.rows<StoredRun & { user_id: string }>(
      `SELECT m.user_id, m.client_message_id, m.id AS message_id, m.run_id, r.status
       FROM messages m LEFT JOIN runs r ON r.id = m.run_id WHERE m.role = 'user'`,
    );
    for (const user of this.users) {
      const log = await this.audit(user);
      const rows = stored.filter(({ user_id }) => user_id === user.witness.user);
      const judge = new Judge(user, { log, stored: rows });
      judge.judge();
      this.count(user, log, judge);
    }
  }

  /** The whole mailbox, as a client gets it that has nothing. */
  private async audit({ witness, phone }: User): Promise<readonly DurableEvent[]> {
    const { epoch, seq } = phone.view;
    if (epoch === null) return [];
    const setup = { url: this.deployment.proxy.url, token: await tokenOf(witness.user), polling: false };
    const auditor = new Device(AUDITOR, setup, witness, `${epoch}:0`);
    await auditor.until(() => auditor.view.seq >= seq, DELIVERY_LIMIT_MS);
    auditor.close();
    return auditor.view.events;
  }

  private count(user: User, log: readonly DurableEvent[], judge: Judge): void {
    const { sent, accepted, unknown, unknownKept } = messageCounts(user, log);
    this.tally.add('messages', sent);
    this.tally.add('messages accepted', accepted);
    this.tally.add('messages without an answer', unknown);
    this.tally.add('messages without an answer that were kept', unknownKept);
    this.tally.add('durable events', log.length);
    for (const { views } of user.devices) for (const { events } of views) this.tally.add('deliveries', events.length);
    for (const [type, number] of Object.entries(judge.ends())) this.tally.add(`runs ${type}`, number);
  }

  private async lookUpCodes(): Promise<void> {
    const all = this.users.flatMap(({ witness }) =>
      [...witness.codes].map(([code, where]) => ({ witness, code, where })),
    );
    const sample = this.random.fork('codes').shuffled(all).slice(0, MOST_CODES);
    const headers = { authorization: `Bearer ${await tokenOf('root', { scope: 'admin' })}` };
    for (const { witness, code, where } of sample) {
      const url = `${this.deployment.proxy.url}/admin/api/errors/${code}`;
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) });
      const body = (await response.json()) as { support_code?: string };
      if (response.status !== 200 || body.support_code !== code)
        witness.problem(`${where}: ${code} is not found (${response.status})`);
    }
    this.tally.add('support codes looked up', sample.length);
    this.tally.add('support codes shown', all.length);
  }

  private async rows<Row>(text: string): Promise<Row[]> {
    return rowsOf<Row>(await this.deployment.postgres.currentUrl(), text);
  }

  private result(): LedgerResult {
    const problems = [...this.problems, ...this.deployment.unexpectedEnds];
    const failing = this.users
      .filter(({ witness }) => witness.problems.length > 0)
      .map(({ witness }) => ({ user: witness.user, problems: witness.problems, story: witness.story(this.befell) }));
    const differences = problems.length + failing.reduce((sum, one) => sum + one.problems.length, 0);
    return { faults: this.faults, tally: this.tally, problems, failing, differences };
  }
}
