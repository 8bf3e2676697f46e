import type { ErrorBody } from '@clarion/protocol';
import type { ClarionError } from './errors';
import { callSafely, type Listeners } from './listeners';
import type { ClarionClientOptions } from './options';

const MOST_CODES = 1_000;

/** Tells the application of failures to show, each support code once. */
export class Problems {
  private readonly shown = new Set<string>();

  constructor(
    private readonly onProblem: ClarionClientOptions['onProblem'],
    private readonly listeners: Listeners,
  ) {}

  readonly report = ({ body }: ClarionError): void => this.show(body);

  show(error: ErrorBody): void {
    const { support_code, user_notification: notification } = error;
    if (support_code !== '' && this.shown.has(support_code)) return;
    this.remember(support_code);
    if (this.onProblem) callSafely(() => this.onProblem?.(notification, error), undefined);
    this.listeners.emit('problem', { notification, error });
  }

  private remember(supportCode: string): void {
    this.shown.add(supportCode);
    const [oldest] = this.shown;
    if (this.shown.size > MOST_CODES && oldest !== undefined) this.shown.delete(oldest);
  }
}
