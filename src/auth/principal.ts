import { isAcceptableText } from '@clarion/protocol';

/** Who is calling, as a verified token says. */
export interface Principal {
  /** The token's `sub`: 1–128 UTF-16 units, well-formed, without U+0000. */
  readonly user_id: string;
  readonly scopes: ReadonlySet<string>;
  /** True with the scope `admin`. */
  readonly admin: boolean;
  /** The token's `exp`. The verifier grants some leeway, so it may lie a little in the past. */
  readonly expires_at: Date;
  /** The token's `iat`. */
  readonly issued_at: Date | null;
  /** The token's `jti`. */
  readonly token_id: string | null;
  /** SHA-256 of the token itself, in hexadecimal: by it a token can be named without being given away. */
  readonly token_sha256: string;
  /** From AUTH_EMAIL_CLAIM, where that is set and the token has one that is not known to be unverified. */
  readonly email: string | null;
}

export const ADMIN_SCOPE = 'admin';

/** May look failures and runs up, without what is private in them. */
export const SUPPORT_SCOPE = 'support';

export const MAX_USER_ID_LENGTH = 128;

/** Whether a value can be a `user_id` (PROTOCOL.md, conventions). */
export function isUserId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_USER_ID_LENGTH && isAcceptableText(value);
}
