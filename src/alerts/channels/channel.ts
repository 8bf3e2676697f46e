import type { SendFailure } from '../../outbound';
import type { AlertNotice } from '../notice';

export type ChannelOutcome = { readonly sent: true } | SendFailure;

/** One way to reach a human. */
export interface AlertChannel {
  readonly name: string;
  /** Between two messages, as the provider asks. */
  readonly paceMs: number;
  /** What a later message about the same alert has to be sent with, whatever the settings say then; null where nothing is. */
  readonly target: string | null;

  /**
   * Sends one message; the same `id` for every try at it. Never rejects.
   * @param target what the trigger of this alert was sent with
   */
  send(notice: AlertNotice, id: string, target: string | null): Promise<ChannelOutcome>;
}
