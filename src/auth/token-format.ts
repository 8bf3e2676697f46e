import { hash } from 'node:crypto';
import { MAX_TOKEN_CHARS } from '@clarion/protocol';
import { ComponentError } from '../errors';
import type { KeyHint } from './key-source';

/** The claims that Clarion reads, none of them verified yet but for `exp`, `nbf` and `iat` being dates. */
export interface Claims extends Readonly<Record<string, unknown>> {
  readonly exp: number;
  readonly nbf?: number;
  readonly iat?: number;
}

const MAX_DATE_SECONDS = 8.64e12;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const ACCEPTED_TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt'];

/**
 * Checks everything about a token that needs no key, so that a later failure of the signature is nothing but that.
 * A token without `exp` is refused: it could never be got rid of. So is one with `crit` (RFC 7515 §4.1.11: no extension
 * is understood here) and one of another `typ` (RFC 8725 §3.11: a logout token, for one, is no access token).
 * @throws ComponentError AUTH_TOKEN_MISSING, AUTH_TOKEN_MALFORMED, AUTH_ALGORITHM_NOT_ALLOWED
 */
export function assertTokenFormat(token: string, algorithms: readonly string[]): void {
  assertTokenText(token);
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0)
    throw malformed('parts');
  assertHeader(headerOf(header), algorithms);
  assertClaims(jsonObject(payload, 'payload'));
  if (signature === '' || !isBase64Url(signature)) throw malformed('signature');
}

/**
 * Checks what every token has to be (RFC 6750 §2.1), an opaque one too.
 * @throws ComponentError AUTH_TOKEN_MISSING, AUTH_TOKEN_MALFORMED
 */
export function assertTokenText(token: string): void {
  if (token === '') throw ComponentError.authentication('AUTH_TOKEN_MISSING');
  if (token.length > MAX_TOKEN_CHARS) throw malformed('size');
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) throw malformed('characters');
}

/** Whether a token has the three parts of a JSON Web Token, the first of them an object: no opaque token has. */
export function isStructured(token: string): boolean {
  const [header = '', ...rest] = token.split('.');
  return rest.length === 2 && header.startsWith('eyJ');
}

/** Which key a token of the right format is signed with. */
export function keyHintOf(token: string): KeyHint {
  const { alg, kid } = headerOf(token.split('.', 1)[0] ?? '');
  return typeof kid === 'string' ? { alg: String(alg), kid } : { alg: String(alg) };
}

/** SHA-256 in hexadecimal. */
export function tokenHash(token: string): string {
  return hash('sha256', token, 'hex');
}

/** A refusal of what cannot be a token; `problem` names the part that is wrong. */
export function malformed(problem: string, cause?: unknown): ComponentError {
  return ComponentError.authentication('AUTH_TOKEN_MALFORMED', { details: { problem }, cause });
}

function assertHeader(header: Record<string, unknown>, algorithms: readonly string[]): void {
  const { alg, typ, crit } = header;
  if (typeof alg !== 'string') throw malformed('alg');
  if (!algorithms.includes(alg)) {
    throw ComponentError.authentication('AUTH_ALGORITHM_NOT_ALLOWED', { details: { allowed: algorithms } });
  }
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ;
  if (!ACCEPTED_TYPES.includes(type)) throw malformed('typ');
  if (crit !== undefined) throw malformed('crit');
}

function assertClaims({ exp, nbf, iat }: Record<string, unknown>): void {
  if (!isDate(exp)) throw malformed('exp');
  if (nbf !== undefined && !isDate(nbf)) throw malformed('nbf');
  if (iat !== undefined && !isDate(iat)) throw malformed('iat');
}

function isDate(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value) <= MAX_DATE_SECONDS;
}

let latestHeader: { readonly part: string; readonly value: Readonly<Record<string, unknown>> } | null = null;

/** Tokens of one issuer begin alike, and each is looked at twice. */
function headerOf(part: string): Readonly<Record<string, unknown>> {
  if (latestHeader?.part !== part) latestHeader = { part, value: jsonObject(part, 'header') };
  return latestHeader.value;
}

function isBase64Url(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

function jsonObject(part: string, name: string): Record<string, unknown> {
  if (!isBase64Url(part)) throw malformed(name);
  const value = parseJson(part, name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(name);
  return value as Record<string, unknown>;
}

function parseJson(part: string, name: string): unknown {
  try {
    return JSON.parse(UTF8.decode(Buffer.from(part, 'base64url')));
  } catch (cause) {
    throw malformed(name, cause);
  }
}
