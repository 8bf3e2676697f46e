/** The events that a digest tells of. */
export type DigestEvent = 'agent_completed' | 'agent_failed' | 'agent_cancelled' | 'input_required' | 'notification';

/** What a digest says to a user, in one language. */
export interface DigestTexts {
  readonly subject: (count: number) => string;
  readonly intro: string;
  readonly omitted: (count: number) => string;
  readonly events: Readonly<Record<DigestEvent, string>>;
  readonly supportCode: (code: string) => string;
  readonly closing: string;
}
