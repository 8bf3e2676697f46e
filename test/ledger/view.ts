import type {
  AgentDelta,
  ConnectionEstablished,
  DurableEvent,
  EphemeralEventName,
  ErrorBody,
  ErrorEnvelope,
  RunView,
} from '@clarion/protocol';
import { AnswerAssembler, ATTEMPT_EVENTS, DURABLE_EVENT_TYPES, parseCursor, TERMINAL_EVENTS } from '@clarion/protocol';
import { durableEventSchema, ephemeralEventSchemas } from '@clarion/protocol/schemas';
import { drillWords } from '../support/chat-client';
import type { Witness } from './witness';

export const MOST_TOKENS = 300;
const DURABLE: ReadonlySet<string> = new Set(DURABLE_EVENT_TYPES);
/** Every answer of `drill` is a prefix of this. */
const WORDS = drillWords(MOST_TOKENS);

/** Events that the server said were gone, both bounds included, and when it said so, in wall clock milliseconds. */
export interface Truncation {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

interface RunSeen {
  attempt: number;
  ended: boolean;
}

/**
 * What one client has received since it was last loaded, over all its connections. It watches what a client can see for itself: order,
 * completeness, whose it is, attempts, the answer's characters.
 */
export class View {
  readonly events: DurableEvent[] = [];
  /** Every run that an ephemeral event was about. */
  readonly runsTold = new Set<string>();
  readonly truncations: Truncation[] = [];
  private readonly answers = new AnswerAssembler();
  private readonly runs = new Map<string, RunSeen>();
  /** The last event processed, or where the server said that reading begins. */
  private place: { epoch: string; seq: number } | null;
  /** Where reading begins anew; it counts once the client was told what it has missed. */
  private reset: { epoch: string; seq: number } | null = null;
  from: number | null;

  /** @param missed is called for a run whose deltas do not connect: its text has to be asked for */
  constructor(
    readonly device: string,
    private readonly witness: Witness,
    cursor: string | null,
    private readonly missed: (runId: string) => void,
  ) {
    this.place = cursor === null ? null : parseCursor(cursor);
    this.from = this.place?.seq ?? null;
  }

  get cursor(): string | null {
    return this.place === null ? null : `${this.place.epoch}:${this.place.seq}`;
  }

  get seq(): number {
    return this.place?.seq ?? 0;
  }

  get epoch(): string | null {
    return this.place?.epoch ?? null;
  }

  terminalOf(runId: string): DurableEvent | undefined {
    return this.events.find((event) => event.run_id === runId && TERMINAL_EVENTS.has(event.type));
  }

  /** Whatever the server sends. */
  accept(name: string, payload: unknown): void {
    const isDurable = DURABLE.has(name);
    const schema = isDurable ? durableEventSchema : ephemeralEventSchemas[name as EphemeralEventName];
    if (schema === undefined) return this.problem(`an unknown event ${name}`);
    const result = schema.safeParse(payload);
    if (!result.success) this.problem(`${name} against the schema: ${JSON.stringify(result.error.issues)}`);
    if (isDurable) this.takeDurable(payload as DurableEvent);
    else this.takeEphemeral(name as EphemeralEventName, payload);
  }

  /** The answer to a `run_get` that a gap in the deltas had asked for. */
  learn(run: RunView): void {
    this.answers.accept('run_snapshot', run);
    this.checkText(run.run_id);
  }

  private takeEphemeral(name: EphemeralEventName, payload: unknown): void {
    switch (name) {
      case 'connection_established':
        return this.established(payload as ConnectionEstablished);
      case 'agent_delta':
        return this.takeDelta(payload as AgentDelta);
      case 'run_snapshot':
        return this.takeSnapshot(payload as RunView);
      case 'error':
        return this.takeError((payload as ErrorEnvelope).error);
      case 'replay_complete':
        return this.checkTold('the replay is complete');
      case 'queue_position':
        this.runsTold.add((payload as { run_id: string }).run_id);
        return;
      default:
    }
  }

  private established({ user_id, epoch, from_seq, resume }: ConnectionEstablished): void {
    this.witness.note(`${this.device} is connected (${resume}, from ${from_seq})`);
    if (user_id !== this.witness.user) this.problem(`the connection is ${user_id}'s`);
    this.reset = resume === 'reset' ? { epoch, seq: from_seq } : null;
    if (this.reset !== null) return;
    if (this.place === null) this.begin(epoch, from_seq, resume === 'new');
    if (this.place?.epoch !== epoch) this.problem(`the epoch ${this.place?.epoch} has become ${epoch}`);
    if (this.place?.seq !== from_seq) this.problem(`asked to go on after ${this.place?.seq}, was given ${from_seq}`);
  }

  private takeError(error: ErrorBody): void {
    this.witness.told(error, `${this.device}, error event`);
    if (error.reason === 'HISTORY_TRUNCATED') this.truncated(error.details);
  }

  /** The only way past events: those that follow the last one, up to where the server begins anew. */
  private truncated(details: ErrorBody['details']): void {
    const { reset } = this;
    const { missed_from: from, missed_to: to } = details ?? {};
    const told = `was told that ${JSON.stringify(details)} is gone`;
    this.reset = null;
    this.witness.note(`${this.device} ${told}`);
    if (reset === null || typeof from !== 'number') return this.problem(`${told} without a reset`);
    if (this.place === null) this.begin(reset.epoch, from - 1, false);
    const { epoch, seq } = this.place ?? reset;
    if (epoch !== reset.epoch) this.problem(`the epoch ${epoch} has become ${reset.epoch}`);
    if (from !== seq + 1 || to !== reset.seq)
      this.problem(`${told}, misses what is between ${seq} and ${reset.seq + 1}`);
    this.truncations.push({ from: seq + 1, to: reset.seq, at: Date.now() });
    this.place = reset;
    this.witness.truncated(this.device, reset.seq);
    // Attempts may have begun in what is gone; which runs have ended is known all the same.
    for (const run of this.runs.values()) run.attempt = 0;
  }

  private checkTold(what: string): void {
    if (this.reset !== null) this.problem(`${what} after a reset, and nobody has told what is gone`);
  }

  /** Without a cursor the server decides, and must not leave out what nobody, or this device, was never sent. */
  private begin(epoch: string, from: number, isNew: boolean): void {
    const { furthest } = this.witness;
    const own = furthest.get(this.device) ?? 0;
    // A device whose first connection broke before it was sent anything has the position that it was given then.
    const sent = isNew || own === 0 ? Math.max(0, ...furthest.values()) : own;
    if (from > sent) this.problem(`begins after ${from}, but only ${sent} events were ever sent`);
    this.place = { epoch, seq: from };
    this.from = from;
  }

  private takeDurable(event: DurableEvent): void {
    if (event.user_id !== this.witness.user) this.problem(`an event of ${event.user_id}: ${event.type} ${event.id}`);
    this.checkTold(event.type);
    if (this.place === null) return this.problem(`${event.type} ${event.id} before connection_established`);
    if (event.epoch !== this.place.epoch) this.problem(`the epoch ${this.place.epoch} becomes ${event.epoch}`);
    if (event.seq !== this.place.seq + 1)
      this.problem(`${event.type} with seq ${event.seq} comes after ${this.place.seq}`);
    if (event.id !== `${event.epoch}:${event.seq}`) this.problem(`seq ${event.seq} has the id ${event.id}`);
    this.place = { epoch: event.epoch, seq: event.seq };
    this.events.push(event);
    this.witness.reached(this.device, event.seq);
    if (event.run_id !== null) this.takeRunEvent(event, event.run_id);
    if ('error' in event.data && event.data.error !== undefined)
      this.witness.told(event.data.error, `${this.device}, ${event.type} ${event.seq}`);
  }

  private takeRunEvent(event: DurableEvent, runId: string): void {
    const seen = this.seen(runId);
    const what = `${event.type} (seq ${event.seq}, attempt ${event.attempt}) of run ${runId}`;
    if (seen.ended) this.problem(`${what} after its end`);
    if (ATTEMPT_EVENTS.has(event.type)) {
      if ((event.attempt ?? 0) <= seen.attempt) this.problem(`${what} does not ascend from attempt ${seen.attempt}`);
      seen.attempt = event.attempt ?? 0;
    } else if (event.attempt !== null && seen.attempt > 0 && event.attempt !== seen.attempt) {
      this.problem(`${what} during attempt ${seen.attempt}`);
    }
    const before = this.answers.get(runId)?.answer ?? '';
    this.answers.accept(event.type, event);
    if (!TERMINAL_EVENTS.has(event.type)) return this.checkText(runId);
    seen.ended = true;
    this.checkEnd(event, runId, before);
  }

  private checkEnd(event: DurableEvent, runId: string, before: string): void {
    const content = 'content' in event.data ? event.data.content : '';
    this.witness.note(`${this.device} < ${event.type} ${event.seq} of ${runId}, ${content.length} characters`);
    if (this.answers.get(runId)?.answer !== content) this.problem(`the answer of ${runId} is not its final content`);
    if (event.type === 'agent_completed' && !event.recovered)
      this.witness.tally.add(before === content ? 'answers whole before their end' : 'answers whole by their end only');
  }

  private takeDelta(delta: AgentDelta): void {
    const { run_id, attempt, index } = delta;
    this.runsTold.add(run_id);
    const seen = this.seen(run_id);
    if (seen.ended) this.problem(`a delta of ${run_id} after its end`);
    if (attempt !== seen.attempt) this.problem(`a delta of attempt ${attempt} of ${run_id} in attempt ${seen.attempt}`);
    const before = this.answers.get(run_id);
    const after = this.answers.accept('agent_delta', delta);
    this.checkText(run_id);
    this.witness.tally.add('deltas');
    if (after?.missed !== true || before?.missed === true) return;
    this.witness.note(`${this.device} misses text of ${run_id} before ${index}`);
    this.witness.tally.add('deltas that did not connect');
    this.missed(run_id);
  }

  private takeSnapshot(run: RunView): void {
    this.runsTold.add(run.run_id);
    const seen = this.seen(run.run_id);
    if (seen.ended) this.problem(`a snapshot of ${run.run_id} after its end`);
    seen.attempt = Math.max(seen.attempt, run.attempt);
    this.answers.accept('run_snapshot', run);
    this.checkText(run.run_id);
    this.witness.tally.add('snapshots');
  }

  private checkText(runId: string): void {
    const { answer = '' } = this.answers.get(runId) ?? {};
    if (!WORDS.startsWith(answer)) this.problem(`the answer of ${runId} went wrong: ...${answer.slice(-60)}`);
  }

  private seen(runId: string): RunSeen {
    const seen = this.runs.get(runId) ?? { attempt: 0, ended: false };
    this.runs.set(runId, seen);
    return seen;
  }

  private problem(text: string): void {
    this.witness.problem(`${this.device}: ${text}`);
  }
}
