import { splitSafeEnd } from '@clarion/protocol';
import type { AnswerUpdate } from './options';

/** What turns one answer into the next; null where nothing changed. */
export function answerUpdate(before: string, after: string): AnswerUpdate | null {
  if (before === after) return null;
  const index = after.startsWith(before) ? before.length : commonStart(before, after);
  return { index, text: after.slice(index), answer: after };
}

/** The length of what both begin with, splitting no surrogate pair. */
function commonStart(before: string, after: string): number {
  const limit = Math.min(before.length, after.length);
  let length = 0;
  while (length < limit && before.charCodeAt(length) === after.charCodeAt(length)) length += 1;
  return Math.min(splitSafeEnd(before, length), splitSafeEnd(after, length));
}
