import { ComponentError, type ReasonOf } from '../errors';

/** The time limits of one attempt, in milliseconds. */
export interface ClockLimits {
  /** The attempt as a whole, without the time for which its user is asked. */
  readonly totalMs: number;
  /** Until its first output: text or any event. */
  readonly firstOutputMs: number;
  /** Between two outputs. */
  readonly betweenOutputsMs: number;
  /** One call of a tool, or one step. */
  readonly toolMs: number;
}

type ClockReason = Extract<
  ReasonOf<'AgentSupervisor'>,
  'AGENT_TIMEOUT' | 'AGENT_FIRST_OUTPUT_TIMEOUT' | 'AGENT_STALLED'
>;

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The clocks of one attempt. They run while the agent is waited for: not while what it yielded is being stored, and that of the next output
 * not while a tool or a step runs, which has a clock of its own. The one that fires first aborts the attempt with its own reason.
 */
export class RunClocks {
  private readonly total: NodeJS.Timeout;
  private output: NodeJS.Timeout | undefined;
  /** By the monotonic clock: when the timer fires, and when the next output is due. A timer is not set anew for every output. */
  private firesAt = NEVER;
  private dueAt = NEVER;
  private first = true;
  private awaiting = false;
  private running = 0;

  constructor(
    private readonly agent: string,
    private readonly limits: ClockLimits,
    private readonly controller: AbortController,
    /** How long the attempt has run already, before a question interrupted it. */
    earlierMs = 0,
  ) {
    const expire = (): void => this.expire('AGENT_TIMEOUT', 'total', limits.totalMs);
    this.total = setTimeout(expire, Math.max(0, limits.totalMs - earlierMs));
  }

  /** What `work` gives: the agent's next output. */
  async untilOutput<T>(work: () => Promise<T>): Promise<T> {
    this.awaiting = true;
    this.arm();
    try {
      return await work();
    } finally {
      this.awaiting = false;
      this.first = false;
      this.dueAt = NEVER;
    }
  }

  /** What `work` gives: a tool or a step, during which no output is due. */
  async whileRunning<T>(work: () => Promise<T>): Promise<T> {
    this.running += 1;
    this.dueAt = NEVER;
    try {
      return await work();
    } finally {
      this.running -= 1;
      if (this.awaiting) this.arm();
    }
  }

  /** A tool or a step is under way. */
  get busy(): boolean {
    return this.running > 0;
  }

  stop(): void {
    this.awaiting = false;
    clearTimeout(this.total);
    clearTimeout(this.output);
  }

  private arm(): void {
    if (this.running > 0) return;
    const { firstOutputMs, betweenOutputsMs } = this.limits;
    const now = performance.now();
    this.dueAt = now + (this.first ? firstOutputMs : betweenOutputsMs);
    if (this.firesAt > this.dueAt) this.fireIn(this.dueAt - now);
  }

  private fireIn(ms: number): void {
    clearTimeout(this.output);
    this.firesAt = performance.now() + ms;
    this.output = setTimeout(() => this.look(), Math.ceil(ms));
  }

  private look(): void {
    this.firesAt = NEVER;
    const left = this.dueAt - performance.now();
    if (left === NEVER) return;
    if (left > 0) this.fireIn(left);
    else if (this.first) this.expire('AGENT_FIRST_OUTPUT_TIMEOUT', 'first_output', this.limits.firstOutputMs);
    else this.expire('AGENT_STALLED', 'between_outputs', this.limits.betweenOutputsMs);
  }

  private expire(reason: ClockReason, clock: string, timeout_ms: number): void {
    const details = { agent: this.agent, clock, timeout_ms };
    this.controller.abort(ComponentError.agentSupervisor(reason, { details }));
  }
}
