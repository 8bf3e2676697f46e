import { isAcceptableText } from '@clarion/protocol';
import { ComponentError } from '../errors';
import { ADMIN_SCOPE, isUserId, MAX_USER_ID_LENGTH, type Principal } from './principal';
import { type Claims, malformed, tokenHash } from './token-format';
import type { TrustedIssuer } from './trusted-issuer';

const MAX_TOKEN_ID_LENGTH = 256;
const MAX_EMAIL_LENGTH = 254;
const EMAIL = /^[^\s@<>",;:()[\]\\\p{C}]+@[^\s@<>",;:()[\]\\\p{C}]+$/u;

/**
 * Reads claims whose signature and time have been verified.
 * @throws ComponentError AUTH_TOKEN_ISSUER, AUTH_TOKEN_AUDIENCE, AUTH_TOKEN_SUBJECT, AUTH_TOKEN_MALFORMED
 */
export function principalFrom(claims: Claims, trusted: TrustedIssuer, token: string): Principal {
  if (trusted.issuer !== undefined && claims.iss !== trusted.issuer) {
    throw ComponentError.authentication('AUTH_TOKEN_ISSUER');
  }
  if (trusted.audience !== undefined && ![claims.aud].flat().includes(trusted.audience)) {
    throw ComponentError.authentication('AUTH_TOKEN_AUDIENCE');
  }
  assertSubject(claims.sub);
  const scopes = scopesOf(claims);
  return {
    user_id: claims.sub,
    scopes,
    admin: scopes.has(ADMIN_SCOPE),
    expires_at: new Date(claims.exp * 1000),
    issued_at: claims.iat === undefined ? null : new Date(claims.iat * 1000),
    token_id: tokenIdOf(claims),
    token_sha256: tokenHash(token),
    email: emailOf(claims, trusted.emailClaim),
  };
}

/** @throws ComponentError AUTH_TOKEN_SUBJECT */
export function assertSubject(sub: unknown): asserts sub is string {
  if (isUserId(sub)) return;
  throw ComponentError.authentication('AUTH_TOKEN_SUBJECT', { details: { max_length: MAX_USER_ID_LENGTH } });
}

/** Issuers differ: `scope` (RFC 8693), `scp` and `scopes`, each as text separated by spaces or as a list. */
function scopesOf(claims: Claims): ReadonlySet<string> {
  return new Set(['scope', 'scp', 'scopes'].flatMap((name) => scopeList(claims[name], name)));
}

function scopeList(value: unknown, name: string): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return value.split(' ').filter((scope) => scope !== '');
  if (Array.isArray(value) && value.every((scope) => typeof scope === 'string')) return value;
  throw malformed(name);
}

/** Anything but one plain address counts as none: it is no reason to refuse a user. */
function emailOf(claims: Claims, name: string | undefined): string | null {
  const email = name === undefined ? undefined : claims[name];
  if (typeof email !== 'string' || claims.email_verified === false) return null;
  return email.length <= MAX_EMAIL_LENGTH && EMAIL.test(email) ? email : null;
}

function tokenIdOf({ jti }: Claims): string | null {
  if (jti === undefined) return null;
  if (typeof jti !== 'string' || jti.length > MAX_TOKEN_ID_LENGTH || !isAcceptableText(jti)) throw malformed('jti');
  return jti;
}
