import type { Principal } from '../principal';

/** What is revoked: one token, by its SHA-256 or its `jti`, or all tokens of a user that were issued before a moment. */
export interface Revocation {
  readonly kind: 'token' | 'jti' | 'subject';
  readonly value: string;
  /** Of a subject: tokens issued until then; null for the others. */
  readonly before: Date | null;
  /** When all tokens concerned have ended by themselves. */
  readonly expires_at: Date;
}

/** The revocations that this process knows of. */
export class RevocationList {
  private readonly known = new Map<string, Revocation>();

  /** Whether it says more than what was known. */
  add(revocation: Revocation): boolean {
    const key = keyOf(revocation.kind, revocation.value);
    const old = this.known.get(key);
    const more = old === undefined || (revocation.before ?? 0) > (old.before ?? 0);
    if (more || revocation.expires_at > old.expires_at) this.known.set(key, revocation);
    return more;
  }

  /** A token that does not say when it was issued was issued before everything. */
  revokes({ token_sha256, token_id, user_id, issued_at }: Principal): boolean {
    if (this.known.has(keyOf('token', token_sha256))) return true;
    if (token_id !== null && this.known.has(keyOf('jti', token_id))) return true;
    const before = this.known.get(keyOf('subject', user_id))?.before ?? null;
    return before !== null && (issued_at === null || issued_at <= before);
  }

  forgetEnded(now: Date): void {
    for (const [key, { expires_at }] of this.known) if (expires_at < now) this.known.delete(key);
  }

  get size(): number {
    return this.known.size;
  }
}

function keyOf(kind: Revocation['kind'], value: string): string {
  return `${kind}:${value}`;
}
