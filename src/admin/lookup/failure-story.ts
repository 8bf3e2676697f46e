import type { DurableEventType, RunStatus } from '@clarion/protocol';
import type { AlertAbout } from '../../alerts';
import type { FailureRecord } from '../../errors';

/** An event that told the user of a failure, and what became of it. Times in ISO 8601. */
export interface ToldEvent {
  readonly seq: number;
  readonly type: DurableEventType;
  readonly at: string;
  /** The user's devices, and whether each has received it. */
  readonly devices: readonly { readonly device_id: string; readonly seen: boolean; readonly last_read_at: string }[];
  /** Where nobody came back: the digests that tell of it. */
  readonly digests: readonly { readonly channel: string; readonly state: string; readonly ended_at: string | null }[];
}

/** What the user was told of a failure. */
export interface ToldUser {
  /**
   * `event`: durably, in the mailbox. `answer`: by the answer to what was asked, of which no receipt is kept. `nothing`: it was not theirs to
   * know. `unknown`: what would tell can not be read.
   */
  readonly by: 'event' | 'answer' | 'nothing' | 'unknown';
  /** Null: not known. */
  readonly seen: boolean | null;
  readonly locale: string | null;
  readonly texts: {
    readonly message: string;
    readonly user_friendly_message: string;
    readonly action_required: string;
  };
  readonly events: readonly ToldEvent[];
}

/** A failure with all that is known about it. */
export interface FailureStory extends FailureRecord {
  /** Null: it concerns no user. */
  readonly told: ToldUser | null;
  readonly run: { readonly run_id: string; readonly status: RunStatus; readonly attempt: number } | null;
  /** Open when it happened, about its component or what that follows from; its own first. */
  readonly alerts: readonly AlertAbout[];
  /** What can not be told, and why; one sentence each. */
  readonly missing: readonly string[];
}
