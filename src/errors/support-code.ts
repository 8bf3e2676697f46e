import { randomBytes } from 'node:crypto';
import type { Reason } from './catalogue';

const CROCKFORD_BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** `<REASON>_<8 Crockford base32>`: 40 random bits, unique per occurrence, free of letters that are misread. */
export function newSupportCode(reason: Reason): string {
  const characters = Array.from(randomBytes(8), (byte) => CROCKFORD_BASE32[byte & 31]);
  return `${reason}_${characters.join('')}`;
}
