import type { DurableEvent, EphemeralEventMap } from '@clarion/protocol';
import type { Bookmark } from './bookmark';
import { localError } from './errors';
import type { Healer } from './healer';
import type { Link } from './link';
import type { ClientEventMap, Listeners } from './listeners';
import type { Problems } from './problems';
import type { ReadingPosition } from './reading-position';
import type { Runs } from './runs';

export interface IntakePorts {
  readonly position: ReadingPosition;
  readonly bookmark: Bookmark;
  readonly runs: Runs;
  readonly healer: Healer;
  readonly listeners: Listeners;
  readonly problems: Problems;
  established(link: Link): void;
  caughtUp(link: Link): void;
  expiring(link: Link): void;
  /** Ends the connection, to be sent again what is missing. */
  reconnect(): void;
}

/** Takes what the server sends, in its order: each durable event is processed once, then counts as read. */
export class EventIntake {
  constructor(private readonly ports: IntakePorts) {}

  take(link: Link, name: string, payload: unknown): void {
    if (isDurable(payload)) return this.takeDurable(name, payload);
    const { runs, listeners } = this.ports;
    if (name === 'connection_established') this.resume(payload as EphemeralEventMap['connection_established'], link);
    runs.accept(name, payload);
    // A name that this version does not know has no listeners.
    listeners.emit(name as 'error', payload as ClientEventMap['error']);
    if (name === 'replay_complete') this.catchUp(link);
    if (name === 'auth_expiring') this.ports.expiring(link);
    if (name === 'error') this.ports.problems.show((payload as EphemeralEventMap['error']).error);
  }

  private resume(established: EphemeralEventMap['connection_established'], link: Link): void {
    if (this.ports.position.resume(established)) this.doubtAll();
    this.ports.bookmark.moved();
    this.ports.established(link);
    this.ports.healer.resume();
  }

  private catchUp(link: Link): void {
    this.settle();
    this.ports.bookmark.moved();
    this.ports.caughtUp(link);
  }

  private settle(): void {
    if (this.ports.position.settle()) this.ports.bookmark.void();
  }

  private takeDurable(name: string, event: DurableEvent): void {
    const { position, runs, listeners, problems } = this.ports;
    const verdict = position.take(event);
    if (verdict === 'duplicate') return;
    if (verdict === 'gap') return this.ports.reconnect();
    this.settle();
    if (verdict === 'jump') this.reportMissed();
    runs.accept(name, event);
    listeners.emit(name as 'notification', event as DurableEvent<'notification'>);
    listeners.emit('event', event);
    if (event.type === 'agent_failed' || event.type === 'notification') problems.show(event.data.error);
    this.ports.bookmark.moved();
  }

  private reportMissed(): void {
    this.ports.problems.report(localError('CLIENT_EVENTS_MISSED'));
    this.doubtAll();
  }

  /** Events that would have told how these runs went on may never come. */
  private doubtAll(): void {
    for (const runId of this.ports.runs.open) this.ports.healer.doubt(runId);
  }
}

/** By its shape, not its name: an event that this version does not know moves the position as well. */
function isDurable(payload: unknown): payload is DurableEvent {
  const { epoch, seq, id } = (payload ?? {}) as Partial<DurableEvent>;
  return typeof epoch === 'string' && typeof seq === 'number' && typeof id === 'string';
}
