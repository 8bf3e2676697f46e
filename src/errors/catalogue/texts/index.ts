import type { Reason } from '../index';
import { DE } from './de';
import { EN } from './en';
import type { TextDetails, TranslatedTexts, UserText, UserTextSource } from './user-text';

/** Texts by primary language tag. To add one: write it as `de.ts`, and name it here. */
export const LANGUAGES: Readonly<Record<string, TranslatedTexts>> = { de: DE, en: EN };

/**
 * The user's texts for a reason.
 * @param details the public details of an occurrence, which some texts name
 * @param locale BCP 47 tag, such as `de-AT`; the longest prefix that is known counts (RFC 4647 lookup), else English
 */
export function userText(reason: Reason, locale?: string | null, details: TextDetails = {}): UserText {
  const { message, user_friendly_message, action_required } = sourceOf(reason, locale);
  const say = (text: UserTextSource[keyof UserText]): string => (typeof text === 'string' ? text : text(details));
  return {
    message: say(message),
    user_friendly_message: say(user_friendly_message),
    action_required: say(action_required),
  };
}

function sourceOf(reason: Reason, locale?: string | null): UserTextSource {
  return byLocale(LANGUAGES, locale)?.[reason] ?? EN[reason];
}

/**
 * What is there for a locale.
 * @param locale BCP 47 tag, such as `de-AT`; the longest prefix that is known counts (RFC 4647 lookup)
 */
export function byLocale<T>(languages: Readonly<Record<string, T>>, locale: string | null | undefined): T | undefined {
  const subtags = (locale ?? '').toLowerCase().split('-');
  for (let length = subtags.length; length > 0; length -= 1) {
    const tag = subtags.slice(0, length).join('-');
    if (Object.hasOwn(languages, tag)) return languages[tag];
  }
  return undefined;
}
