import type { Reason } from '../index';

/** What an end user reads about a reason, in one language. */
export interface UserText {
  /** What happened, as a headline. */
  readonly message: string;
  /** The same in plain words, and what it means for the user. */
  readonly user_friendly_message: string;
  /** What the user does now. */
  readonly action_required: string;
}

/** The public details of an occurrence; empty where the reason itself is explained. */
export type TextDetails = Readonly<Record<string, unknown>>;

/** A user's text, or what it says of one occurrence. */
export type UserTextSource = { readonly [K in keyof UserText]: string | ((details: TextDetails) => string) };

/** All texts in English: a missing reason does not compile. */
export type UserTexts = Readonly<Record<Reason, UserTextSource>>;

/** The texts of another language. What it lacks is English at run time, and named by `npm run check:errors`. */
export type TranslatedTexts = Readonly<Record<string, UserTextSource>>;
