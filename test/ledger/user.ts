import { setTimeout as delay } from 'node:timers/promises';
import { TERMINAL_EVENTS, type Overlap } from '@clarion/protocol';
import { Device, type DeviceSetup, type Outcome } from './device';
import { wasAnswered } from './erasure';
import { Judge, type Participant } from './judge';
import { acceptanceOf, randomOrder, type Message } from './message';
import type { Random } from './random';
import type { Truth } from './truth';
import type { Witness } from './witness';

const MOST_THREADS = 4;
const MOST_UNDER_WAY = 6;
const TRIES = 4;
const MOST_BACK = 60;
const DELIVERY_LIMIT_MS = 15_000;
/** Users who delete threads. */
const TIDY_SHARE = 0.5;

/** What a user does, and how often. */
const HABITS = {
  say: 40,
  sayTwiceAtOnce: 5,
  repeat: 8,
  reuseId: 2,
  trespass: 2,
  cancel: 6,
  drop: 7,
  leave: 5,
  stayAway: 2,
  reload: 5,
  reloadWithoutCursor: 2,
  secondDevice: 5,
  deleteThread: 4,
};

/** Somebody whose threads and runs one must not reach. */
export interface Stranger {
  readonly threads: readonly string[];
  readonly runs: readonly string[];
}

/** A user who behaves as the seed says, on one or two devices. */
export class User implements Stranger, Participant {
  readonly messages: Message[] = [];
  readonly threads: string[] = [];
  readonly runs: string[] = [];
  /** Run -> the status that a `run_cancel` was answered with. */
  readonly cancels = new Map<string, string>();
  /** Thread -> how each `thread_delete` of it went. */
  readonly deletions = new Map<string, Outcome<'thread_delete'>[]>();
  readonly devices: Device[] = [];
  private readonly pending = new Set<Promise<unknown>>();
  /** Runs whose end may be among what the user was told is gone. */
  private readonly outOfSight = new Set<string>();
  private truncations = 0;
  private stop = new AbortController().signal;
  private readonly tidy: boolean;
  private sent = 0;

  constructor(
    readonly witness: Witness,
    private readonly random: Random,
    private readonly setup: DeviceSetup,
    private readonly strangers: () => readonly Stranger[],
  ) {
    this.tidy = random.chance(TIDY_SHARE);
    this.devices.push(new Device('phone', setup, witness));
  }

  get phone(): Device {
    const [phone] = this.devices;
    if (phone === undefined) throw new Error('a user has a phone from the beginning');
    return phone;
  }

  async live(stop: AbortSignal): Promise<void> {
    this.stop = stop;
    while (!stop.aborted) {
      const habit = this.random.weighted(HABITS);
      const doing = this[habit]();
      this.pending.add(doing);
      void doing.finally(() => this.pending.delete(doing));
      if (this.random.chance(0.4)) await doing;
      await this.pause(this.random.int(100, 900));
    }
    await Promise.all(this.pending);
  }

  async catchUp(head: number): Promise<void> {
    await Promise.all(
      this.devices.map(async (device) => {
        device.leave();
        device.comeBack();
        const back = (): boolean => device.connected && device.view.seq >= head;
        if (!(await device.until(back, DELIVERY_LIMIT_MS)))
          this.witness.problem(`${device.name} has not come back within ${DELIVERY_LIMIT_MS} ms`);
      }),
    );
  }

  judge(truth: Truth): void {
    new Judge(this, truth).judge();
  }

  async close(): Promise<void> {
    for (const device of this.devices) device.close();
  }

  /** Sends a message once and notes how it went. */
  async send(message: Message, device: Device, limitMs?: number): Promise<Outcome<'chat_message'>> {
    const { id: client_message_id, content, thread_id, overlap } = message;
    const what = `${device.name} > ${client_message_id} ${content}${overlap ? ` ${overlap}` : ''}`;
    this.witness.note(what);
    const payload = { client_message_id, content, thread_id, overlap, agent: 'drill' };
    const outcome = await device.request('chat_message', payload, limitMs);
    message.outcomes.push(outcome);
    this.witness.note(`${device.name} = ${client_message_id} ${told(outcome)}`);
    if (outcome.kind === 'ok') this.learn(outcome.answer);
    return outcome;
  }

  newMessage(content: string, more: Pick<Message, 'thread_id' | 'overlap'> = {}): Message {
    this.sent += 1;
    const message = { id: `${this.witness.user}-${this.sent}`, content, ...more, outcomes: [] };
    this.messages.push(message);
    return message;
  }

  private learn({ thread_id, run_id }: { thread_id: string; run_id: string }): void {
    if (!this.threads.includes(thread_id) && !this.deletions.has(thread_id)) this.threads.push(thread_id);
    if (!this.runs.includes(run_id)) this.runs.push(run_id);
  }

  private async say(): Promise<void> {
    if (this.underWay() < MOST_UNDER_WAY) await this.persist(this.compose(), this.anyDevice());
  }

  private async sayTwiceAtOnce(): Promise<void> {
    const message = this.compose();
    await Promise.all([this.send(message, this.phone), this.send(message, this.anyDevice())]);
  }

  private async repeat(): Promise<void> {
    const message = this.random.pick(this.messages.slice(-10));
    if (message !== undefined) await this.send(message, this.anyDevice());
  }

  /** The id of an accepted message with other content is no message, while that is kept: in the first thread it is. */
  private async reuseId(): Promise<void> {
    const [first] = this.threads;
    const accepted = this.messages.filter((one) => acceptanceOf(one) !== undefined);
    const message = this.random.pick(accepted.filter((one) => acceptanceOf(one)?.thread_id === first));
    if (message === undefined) return;
    const payload = { client_message_id: message.id, content: '{"tokens":7}', agent: 'drill' };
    this.expectRefused(await this.phone.request('chat_message', payload), 'MESSAGE_ID_REUSED');
  }

  private async trespass(): Promise<void> {
    const stranger = this.random.pick(this.strangers().filter((one) => one !== this && one.threads.length > 0));
    const [thread_id, run_id] = [stranger?.threads[0], stranger?.runs[0]];
    if (thread_id === undefined || run_id === undefined) return;
    const payload = { client_message_id: `stray-${this.random.int(1, 1e9)}`, content: '{"tokens":7}', thread_id };
    this.expectRefused(await this.phone.request('chat_message', { ...payload, agent: 'drill' }), 'THREAD_NOT_FOUND');
    this.expectRefused(await this.phone.request('run_get', { run_id }), 'RUN_NOT_FOUND');
    this.expectRefused(await this.phone.request('run_cancel', { run_id }), 'RUN_NOT_FOUND');
  }

  private async cancel(): Promise<void> {
    const run_id = this.random.pick(this.runs.slice(-3));
    if (run_id === undefined) return;
    const outcome = await this.anyDevice().request('run_cancel', { run_id });
    this.witness.note(`cancel of ${run_id}: ${told(outcome)}`);
    if (outcome.kind === 'ok') this.cancels.set(run_id, outcome.answer.status);
  }

  /** Any thread but the first, also while runs of it are under way; asked until it is answered, or given up. */
  private async deleteThread(): Promise<void> {
    const thread_id = this.tidy ? this.random.pick(this.threads.slice(1)) : undefined;
    if (thread_id === undefined) return;
    this.threads.splice(this.threads.indexOf(thread_id), 1);
    const outcomes: Outcome<'thread_delete'>[] = [];
    this.deletions.set(thread_id, outcomes);
    for (let tries = 1; tries <= TRIES && !wasAnswered(outcomes); tries += 1) {
      this.witness.note(`deletes thread ${thread_id}`);
      const outcome = await this.anyDevice().request('thread_delete', { thread_id });
      outcomes.push(outcome);
      this.witness.note(`deletion of ${thread_id}: ${told(outcome)}`);
      if (outcome.kind === 'ok') await this.expectGone(thread_id);
      else await this.pause(500);
    }
  }

  private async expectGone(thread_id: string): Promise<void> {
    const payload = { client_message_id: `late-${this.random.int(1, 1e9)}`, content: '{"tokens":7}', thread_id };
    const outcome = await this.phone.request('chat_message', { ...payload, agent: 'drill' });
    this.expectRefused(outcome, 'THREAD_NOT_FOUND');
  }

  private async drop(): Promise<void> {
    this.anyDevice().drop();
  }

  private leave(): Promise<void> {
    return this.leaveFor(this.random.int(50, 2_500));
  }

  /** Long enough for retention to take what the device has not read. */
  private stayAway(): Promise<void> {
    return this.leaveFor(this.random.int(4_000, 9_000));
  }

  private async leaveFor(ms: number): Promise<void> {
    const device = this.anyDevice();
    device.leave();
    await this.pause(ms);
    device.comeBack();
  }

  private async reload(): Promise<void> {
    const device = this.anyDevice();
    const { epoch, seq } = device.view;
    device.reload(epoch === null ? null : `${epoch}:${Math.max(0, seq - this.random.int(0, MOST_BACK))}`);
  }

  private async reloadWithoutCursor(): Promise<void> {
    this.anyDevice().reload(null);
  }

  private async secondDevice(): Promise<void> {
    if (this.devices.length < 2) this.devices.push(new Device('desktop', this.setup, this.witness));
    else await this.leave();
  }

  /** Repeats what had no answer, or one that asks for it, with the same id; sometimes gives up, for ever. */
  private async persist(message: Message, device: Device): Promise<void> {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const outcome = await this.send(message, device);
      if (outcome.kind === 'ok' || (outcome.kind === 'refused' && !outcome.error.retryable)) return;
      if (this.random.chance(0.3)) return;
      await this.pause(outcome.kind === 'refused' ? Math.min(outcome.error.retry_after_ms ?? 500, 2_000) : 300);
    }
  }

  private compose(): Message {
    const content = JSON.stringify(randomOrder(this.random));
    const begins = this.threads.length === 0 || (this.threads.length < MOST_THREADS && this.random.chance(0.3));
    if (begins) return this.newMessage(content);
    const overlap: Overlap = this.random.weighted({ enqueue: 65, reject: 15, interrupt: 20 });
    return this.newMessage(content, { thread_id: this.random.pick(this.threads), overlap });
  }

  private underWay(): number {
    const ended = this.phone.views.flatMap(({ events }) =>
      events.flatMap(({ type, run_id }) => (TERMINAL_EVENTS.has(type) && run_id !== null ? [run_id] : [])),
    );
    if (this.witness.truncations > this.truncations) for (const run of this.runs) this.outOfSight.add(run);
    this.truncations = this.witness.truncations;
    const over = new Set([...ended, ...this.outOfSight]);
    return this.runs.filter((run) => !over.has(run)).length;
  }

  /** Shorter where the end comes. */
  private async pause(ms: number): Promise<void> {
    await Promise.allSettled([delay(ms, undefined, { signal: this.stop })]);
  }

  private anyDevice(): Device {
    return this.random.pick(this.devices) ?? this.phone;
  }

  private expectRefused(outcome: Outcome<'chat_message' | 'run_get' | 'run_cancel'>, reason: string): void {
    this.witness.note(`expects ${reason}: ${told(outcome)}`);
    if (outcome.kind === 'ok') this.witness.problem(`was let through instead of ${reason}`);
    if (outcome.kind === 'refused' && outcome.error.reason !== reason && !outcome.error.retryable)
      this.witness.problem(`was refused with ${outcome.error.reason} instead of ${reason}`);
  }
}

function told(outcome: Outcome<'chat_message' | 'run_get' | 'run_cancel' | 'thread_delete'>): string {
  switch (outcome.kind) {
    case 'ok':
      return `ok ${JSON.stringify(outcome.answer)}`;
    case 'refused':
      return `refused ${outcome.error.support_code}`;
    case 'unknown':
      return `unanswered: ${outcome.why}`;
  }
}
