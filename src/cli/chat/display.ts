import type { ErrorBody } from '@clarion/protocol';

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

const DIM = '\u001b[2m';
const PLAIN = '\u001b[22m';
/** Everything that steers a terminal; line breaks and tabs stay. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** The answer goes to `out`, all else to `err`, so that piping gives the answer alone. */
export class Display {
  private shown = '';
  private readonly supportCodes = new Set<string>();

  constructor(
    private readonly out: Output,
    private readonly err: Output,
  ) {}

  /** Shows what is new of an answer; one that was cut and begun anew is shown anew. */
  answer(text: string): void {
    if (!text.startsWith(this.shown)) {
      this.closeAnswer();
      this.note('The answer begins anew.');
    }
    this.out.write(this.clean(this.out, text.slice(this.shown.length)));
    this.shown = text;
  }

  /** Ends the line of what was written of the answer; the next text is another answer. */
  closeAnswer(): void {
    if (this.shown !== '' && !this.shown.endsWith('\n')) this.out.write('\n');
    this.shown = '';
  }

  note(text: string): void {
    this.line(this.err.isTTY ? `${DIM}${this.clean(this.err, text)}${PLAIN}` : text);
  }

  /** The sentences for the user, the code, and the support code: each occurrence once. */
  failure(error: ErrorBody): void {
    if (this.supportCodes.has(error.support_code)) return;
    this.supportCodes.add(error.support_code);
    const { user_friendly_message, action_required } = error.user_notification;
    const cause = `Error ${error.code} (${error.component}, ${error.reason}): ${error.message}`;
    const lines = [user_friendly_message, action_required, cause, `Support code: ${error.support_code}`];
    this.line(lines.map((text) => this.clean(this.err, text)).join('\n'));
  }

  private line(text: string): void {
    // On one terminal a note must not run into the line of the answer.
    const inLine = this.out.isTTY && this.shown !== '' && !this.shown.endsWith('\n');
    this.err.write(`${inLine ? '\n' : ''}${text}\n`);
  }

  private clean(to: Output, text: string): string {
    return to.isTTY ? text.replace(CONTROL, '') : text;
  }
}
