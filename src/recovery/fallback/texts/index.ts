import { byLocale } from '../../../errors';
import type { DigestTexts } from './digest-texts';
import { EN } from './en';

/** Texts by primary language tag. To add one: write `de.ts` beside `en.ts` and name it here. */
const LANGUAGES: Readonly<Record<string, DigestTexts>> = { en: EN };

/** A digest's texts, in English where the locale (BCP 47) is not known. */
export function digestTexts(locale: string | null): DigestTexts {
  return byLocale(LANGUAGES, locale) ?? EN;
}
