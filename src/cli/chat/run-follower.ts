import {
  AnswerAssembler,
  type DurableEvent,
  type ErrorEnvelope,
  type RunView,
  TERMINAL_STATUSES,
} from '@clarion/protocol';
import type { Socket } from 'socket.io-client';
import { refusalIn } from './connect';
import type { Display } from './display';
import type { Lines } from './lines';
import { noteOf } from './notes';
import { CommandError } from '../command/command-error';
import { Questions } from './questions';
import { NO_ANSWER, request } from './requests';

/** How long nothing may be heard of the run before the server is asked for it. */
const SILENCE_MS = 5_000;
const REQUEST_MS = 10_000;
const CANCEL_MS = 3_000;
const OFFLINE_LIMIT_MS = 60_000;
const RUN_LIMIT_MS = 30 * 60_000;

const isOver = ({ status }: RunView): boolean => TERMINAL_STATUSES.has(status);

/**
 * Shows one run as it goes. It listens from its making on, so that nothing that comes before the acknowledgement is missed; events of
 * other runs are none of its business.
 */
export class RunFollower {
  private readonly answers = new AnswerAssembler();
  private readonly early: [string, unknown][] = [];
  private readonly end = Promise.withResolvers<boolean>();
  private readonly questions: Questions;
  private readonly timers: NodeJS.Timeout[] = [];
  private offline: NodeJS.Timeout | undefined;
  private heardAt = performance.now();
  private runId: string | null = null;

  constructor(
    private readonly socket: Socket,
    private readonly display: Display,
    lines: Lines,
  ) {
    this.questions = new Questions(socket, display, lines);
    socket.onAny(this.onEvent);
  }

  /** Resolves at the run's end, true where it completed. An abort of `signal` cancels the run. @throws CommandError, Refused */
  async follow(runId: string, signal: AbortSignal): Promise<boolean> {
    this.runId = runId;
    this.socket
      .on('connect', this.onConnect)
      .on('disconnect', this.onDisconnect)
      .on('connect_error', this.onConnectError);
    signal.addEventListener('abort', this.cancel, { once: true });
    const tooLong = new CommandError('The run takes very long. It goes on without us.');
    this.timers.push(
      setInterval(this.onTick, SILENCE_MS),
      setTimeout(() => this.end.reject(tooLong), RUN_LIMIT_MS),
    );
    for (const [name, payload] of this.early.splice(0)) this.onEvent(name, payload);
    // Both may have happened between the acknowledgement and now.
    if (!this.socket.connected) this.onDisconnect();
    if (signal.aborted) this.cancel();
    try {
      return await this.end.promise;
    } finally {
      signal.removeEventListener('abort', this.cancel);
    }
  }

  stop(): void {
    this.questions.stop();
    this.socket.offAny(this.onEvent);
    this.socket
      .off('connect', this.onConnect)
      .off('disconnect', this.onDisconnect)
      .off('connect_error', this.onConnectError);
    for (const timer of [...this.timers, this.offline]) clearTimeout(timer);
    this.display.closeAnswer();
  }

  private readonly onEvent = (name: string, payload: unknown): void => {
    if (this.runId === null) {
      this.early.push([name, payload]);
      return;
    }
    if (name === 'error') return this.onError(payload as ErrorEnvelope);
    if (name === 'server_draining') return this.display.note('The server is going down; we come back to it.');
    if ((payload as { run_id?: unknown }).run_id !== this.runId) return;
    this.heardAt = performance.now();
    const state = this.answers.accept(name, payload);
    if (state !== undefined) this.display.answer(state.answer);
    if (state?.missed) this.poll();
    if (name === 'run_snapshot') this.onView(payload as RunView);
    else if (name !== 'agent_delta') this.onDurable(payload as DurableEvent);
  };

  private onDurable(event: DurableEvent): void {
    const note = noteOf(event);
    if (note !== null) this.display.note(note);
    if (event.type === 'input_required') this.questions.ask(event.run_id ?? '', event.data);
    if (event.type === 'input_resolved') this.questions.close(event.data.input_id);
    if (event.type === 'notification') this.display.failure(event.data.error);
    if (event.type === 'agent_completed') this.end.resolve(true);
    if (event.type === 'agent_cancelled') this.end.resolve(false);
    if (event.type === 'agent_failed') {
      this.display.failure(event.data.error);
      this.end.resolve(false);
    }
  }

  /** A failure that belongs to another run is not shown. */
  private onError({ error }: ErrorEnvelope): void {
    if (error.run_id === null || error.run_id === this.runId) this.display.failure(error);
  }

  /** A run that ended, or asked, while nobody told us. */
  private onView(run: RunView): void {
    if (run.pending_input) this.questions.ask(run.run_id, run.pending_input);
    if (!isOver(run)) return;
    if (run.error !== null) this.display.failure(run.error);
    this.end.resolve(run.status === 'completed');
  }

  private readonly onTick = (): void => {
    if (performance.now() - this.heardAt >= SILENCE_MS) this.poll();
  };

  private poll(): void {
    if (this.runId === null || !this.socket.connected) return;
    void request(this.socket, 'run_get', { run_id: this.runId }, REQUEST_MS).then((answer) => {
      if (answer === NO_ANSWER) return;
      if (answer.ok) return this.onEvent('run_snapshot', answer.run);
      this.display.failure(answer.error);
      if (!answer.error.retryable) this.end.resolve(false);
    });
  }

  private readonly cancel = (): void => {
    if (this.runId === null) return;
    this.display.note('Cancelling.');
    void request(this.socket, 'run_cancel', { run_id: this.runId }, CANCEL_MS).then(() => this.end.resolve(false));
  };

  private readonly onConnect = (): void => {
    clearTimeout(this.offline);
    this.offline = undefined;
    this.display.note('Connected again.');
    this.poll();
  };

  private readonly onDisconnect = (): void => {
    if (!this.socket.active) return this.end.reject(new CommandError('The server closed the connection for good.'));
    this.display.note('The connection was lost; reconnecting.');
    const gone = new CommandError('The server does not come back. The run goes on there; its answer is kept.');
    this.offline ??= setTimeout(() => this.end.reject(gone), OFFLINE_LIMIT_MS);
  };

  private readonly onConnectError = (error: Error): void => {
    const refused = refusalIn(error);
    if (refused === null) return;
    if (!refused.error.retryable) return this.end.reject(refused);
    // After a refusal the client does not try again by itself.
    this.timers.push(setTimeout(() => this.socket.connect(), refused.error.retry_after_ms ?? 1_000));
  };
}
