import type { DigestEvent, DigestTexts } from './texts/digest-texts';

/** What a digest tells of one event. Nothing in it is internal: what a user reads in the chat, cut short. */
export interface DigestItem {
  /** `<epoch>:<seq>` of the event. */
  readonly id: string;
  readonly type: DigestEvent;
  readonly timestamp: string;
  readonly thread_id: string | null;
  readonly run_id: string | null;
  /** The beginning of the answer, the question, or what failed in the user's words; empty where it was erased. */
  readonly text: string;
  readonly support_code: string | null;
}

/** What waits for a user who did not come back. */
export interface Digest {
  /** Of the delivery: the same for every try. */
  readonly id: string;
  readonly user_id: string;
  readonly email: string | null;
  /** BCP 47. */
  readonly locale: string | null;
  readonly since: string;
  /** The latest ones, oldest first. */
  readonly items: readonly DigestItem[];
  /** Earlier ones that are left out. */
  readonly omitted: number;
}

export function subjectOf({ items, omitted }: Digest, texts: DigestTexts): string {
  return texts.subject(items.length + omitted);
}

/** A digest as plain text, a paragraph an event. */
export function textOf({ items, omitted }: Digest, texts: DigestTexts): string {
  const left = omitted > 0 ? [texts.omitted(omitted)] : [];
  const paragraphs = items.map(({ type, text, support_code }) => {
    const code = support_code === null ? [] : [texts.supportCode(support_code)];
    return [texts.events[type], ...(text === '' ? [] : [text]), ...code].join('\n');
  });
  return [texts.intro, ...left, ...paragraphs, texts.closing].join('\n\n');
}
