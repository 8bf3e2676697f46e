import type { Reason } from '../index';
import { EN } from './en';
import type { UserText, UserTexts } from './user-text';

/** Texts by primary language tag. To add one: write `de.ts` beside `en.ts` and name it here. */
export const LANGUAGES: Readonly<Record<string, UserTexts>> = { en: EN };

/**
 * The user's texts for a reason.
 * @param locale BCP 47 tag, such as `de-AT`; the longest prefix that is known counts (RFC 4647 lookup), else English
 */
export function userText(reason: Reason, locale?: string | null): UserText {
  const subtags = (locale ?? '').toLowerCase().split('-');
  for (let length = subtags.length; length > 0; length -= 1) {
    const tag = subtags.slice(0, length).join('-');
    if (Object.hasOwn(LANGUAGES, tag)) return LANGUAGES[tag]![reason];
  }
  return EN[reason];
}
