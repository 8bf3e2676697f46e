import type { ErrorBody, PendingInput } from '@clarion/protocol';
import type { Socket } from 'socket.io-client';
import type { Display } from './display';
import type { Lines } from './lines';
import { NO_ANSWER, request } from './requests';

const SUBMIT_MS = 10_000;

/** Puts the questions of an agent to whoever sits at the terminal, each once and one after another, until it is answered here or elsewhere. */
export class Questions {
  private readonly open = new Map<string, AbortController>();
  private turn = Promise.resolve();

  constructor(
    private readonly socket: Socket,
    private readonly display: Display,
    private readonly lines: Lines,
  ) {}

  ask(runId: string, input: PendingInput): void {
    if (this.open.has(input.input_id)) return;
    const closed = new AbortController();
    this.open.set(input.input_id, closed);
    this.turn = this.turn.then(() => this.answer(runId, input, closed.signal));
  }

  /** The question is over, however. */
  close(inputId: string): void {
    this.open.get(inputId)?.abort();
  }

  stop(): void {
    for (const closed of this.open.values()) closed.abort();
  }

  private async answer(runId: string, input: PendingInput, closed: AbortSignal): Promise<void> {
    if (closed.aborted) return;
    this.display.note(`? ${input.prompt}${formOf(input.schema)}`);
    while (!closed.aborted) {
      const line = await this.lines.next('? ', closed);
      if (line === null) {
        if (!closed.aborted) this.display.note(`Nobody answers here; the question is open until ${input.expires_at}.`);
        return;
      }
      if (await this.submit(runId, input, line)) return;
    }
  }

  /** Whether nothing more is to be asked. The same answer may be sent again. */
  private async submit(run_id: string, { input_id, schema }: PendingInput, line: string): Promise<boolean> {
    const answer = { run_id, input_id, value: valueOf(line, schema) };
    const outcome = await request(this.socket, 'input_submit', answer, SUBMIT_MS);
    if (outcome === NO_ANSWER) {
      this.display.note('The server did not say whether it took the answer. Please give it again.');
      return false;
    }
    if (outcome.ok) return true;
    this.display.failure(outcome.error);
    for (const issue of issuesOf(outcome.error)) this.display.note(`× ${issue}`);
    return outcome.error.reason !== 'INPUT_INVALID' && !outcome.error.retryable;
  }
}

/** What form the answer has, where it is not any text. */
function formOf({ type, enum: choices, ...more }: Record<string, unknown>): string {
  if (Array.isArray(choices)) return ` (${choices.map(String).join(' | ')})`;
  if (type === 'boolean') return ' (yes | no)';
  if (type === 'object') return ` (JSON: ${JSON.stringify(more['properties'] ?? {})})`;
  return typeof type === 'string' && type !== 'string' ? ` (${type})` : '';
}

/** What was typed, as the schema's type has it; what is none of that type goes as text, and the server says what is wrong with it. */
function valueOf(line: string, { type }: Record<string, unknown>): unknown {
  const text = line.trim();
  if (type === 'boolean' && /^(y|yes|n|no)$/i.test(text)) return /^y/i.test(text);
  if (type === 'string' || type === undefined) return line;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return line;
    throw error;
  }
}

function issuesOf({ details }: ErrorBody): string[] {
  const issues = details?.['issues'];
  return Array.isArray(issues) ? issues.filter((issue) => typeof issue === 'string') : [];
}
