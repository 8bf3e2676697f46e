import { z } from 'zod';
import {
  AGENT_NAME_PATTERN,
  CLIENT_MESSAGE_ID_PATTERN,
  MAX_CONTENT_BYTES,
  MAX_TOKEN_CHARS,
  REASON_PATTERN,
} from '../constants';
import { parseCursor } from '../cursor';
import { isAcceptableText, utf8Length } from '../text';
import { measureJson } from './json';
import { because } from './reasons';

// Fields from clients.

/** Any UUID, in the lower case that PostgreSQL writes, so that it compares equal to what comes back. */
export const clientId = z.uuid().toLowerCase();
export const clientMessageId = z.string().regex(CLIENT_MESSAGE_ID_PATTERN);
export const agentName = z.string().regex(AGENT_NAME_PATTERN);

export const token = z
  .custom<string>((value) => typeof value === 'string' && value !== '', because('AUTH_TOKEN_MISSING'))
  .refine((value) => value.length <= MAX_TOKEN_CHARS, because('AUTH_TOKEN_MALFORMED'));

export const cursorText = z.custom<string>(
  (value) => typeof value === 'string' && parseCursor(value) !== null,
  because('CURSOR_INVALID'),
);

export const content = z
  .string()
  .refine((text) => text !== '', because('CONTENT_EMPTY'))
  .refine(fitsContent, because('CONTENT_TOO_LARGE'))
  .refine(isAcceptableText, because('TEXT_INVALID'));

// A code unit takes at least a byte: the length alone refuses a huge text without walking it.
function fitsContent(text: string): boolean {
  return text.length <= MAX_CONTENT_BYTES && utf8Length(text) <= MAX_CONTENT_BYTES;
}

/** The two checks of JSON that is stored as it came: at most `maxChars` when serialised, all texts acceptable. */
export function storableJson<T extends z.ZodType>(schema: T, maxChars: number): T {
  return schema
    .refine((value) => measureJson(value, maxChars).fits, {
      error: `At most ${maxChars} characters of JSON`,
      abort: true,
    })
    .refine((value) => measureJson(value, maxChars).textsAcceptable, because('TEXT_INVALID'));
}

// Fields from servers.

export const id = z.uuidv7();
export const timestamp = z.iso.datetime({ precision: 3 });
export const count = z.int().min(0);
export const userId = z.string().min(1).max(128);
export const reasonName = z.string().regex(REASON_PATTERN);
export const serverText = z.string().refine(isAcceptableText, because('TEXT_INVALID'));
export const jsonObject = z.record(z.string(), z.unknown());
