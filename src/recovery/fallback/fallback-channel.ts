import type { SendFailure } from '../../outbound';
import type { Digest } from './digest';

export type ChannelName = 'webhook' | 'email';

/** A way to reach somebody who does not connect. */
export interface FallbackChannel {
  readonly name: ChannelName;
  /** Sends a digest; repeated, it carries the same id. Never rejects. */
  send(digest: Digest): Promise<{ readonly sent: true } | SendFailure>;
}
