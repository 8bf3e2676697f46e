import type { HealthWords } from '../../../errors';

/** What a user may know of a failure of their own. */
export interface SupportCodeStory {
  reason: string;
  /** ISO 8601, UTC. */
  timestamp: string;
  operation: string;
}

/** Looks support codes up for the guide. Owned by agents; bound where the failure records are. */
export abstract class SupportCodeLookup {
  /** The failure of this code if it concerned this user; else null, as if it did not exist. */
  abstract find(code: string, userId: string): Promise<SupportCodeStory | null>;
}

/** How Clarion is, for the guide. Owned by agents; bound by health. */
export abstract class HealthSummary {
  abstract summary(): Promise<HealthWords>;
}
