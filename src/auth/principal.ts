import { isAcceptableText } from '@clarion/protocol';

/** Who is calling, as a verified token says. */
export interface Principal {
  /** The token's `sub`: 1–128 UTF-16 units, well-formed, without U+0000. */
  readonly user_id: string;
  readonly scopes: ReadonlySet<string>;
  /** True with the scope `admin`. */
  readonly admin: boolean;
  /** The token's `exp`. The verifier grants some leeway, so it may lie a little in the past; null where the issuer sets no end. */
  readonly expires_at: Date | null;
  /** The token's `jti`. */
  readonly token_id: string | null;
}

export const ADMIN_SCOPE = 'admin';

export const MAX_USER_ID_LENGTH = 128;

/** Whether a value can be a `user_id` (PROTOCOL.md, conventions). */
export function isUserId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_USER_ID_LENGTH && isAcceptableText(value);
}
