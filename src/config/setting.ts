import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** One environment variable: its name, what it may be, what it is when unset, and why it exists. */
export interface Setting<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** What `.env.example` shows for an unset variable. */
  readonly defaultText: string;
  readonly explanation: string;
  /** A secret's value never appears in an error message. */
  readonly secret: boolean;
  /** What is allowed, in words, for the error message. */
  readonly allowed: string;
}

/** What declared settings are once they have been read. */
export type Values<S> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

interface Options<T> {
  readonly default?: T;
  readonly defaultText?: string;
  readonly secret?: boolean;
}

function define<T>(
  name: string,
  schema: z.ZodType<T>,
  allowed: string,
  explanation: string,
  options: Options<T>,
): Setting<T> {
  const fallback = options.default;
  const defaultText = options.defaultText ?? (fallback === undefined ? '' : textOf(fallback));
  return { name, schema, allowed, explanation, defaultText, secret: options.secret ?? false };
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  return Array.isArray(value) ? value.join(',') : String(value);
}

function withDefault<T>(schema: z.ZodType<T, string>, fallback: T): z.ZodType<T> {
  return z.union([z.undefined().transform(() => fallback), schema]);
}

/** A whole number between `min` and `max`. */
export function integer(
  name: string,
  min: number,
  max: number,
  fallback: number,
  explanation: string,
): Setting<number> {
  const schema = z
    .string()
    .regex(/^\d+$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);
  const allowed = `a whole number from ${min} to ${max}`;
  return define(name, withDefault(schema, fallback), allowed, explanation, { default: fallback });
}

/** A number from 0, such as a price; unset, undefined. */
export function decimal(name: string, explanation: string): Setting<number | undefined> {
  const schema = z
    .string()
    .regex(/^\d{1,12}(\.\d{1,12})?$/)
    .transform(Number)
    .optional();
  return define(name, schema, 'a number from 0, such as 2.5', explanation, {});
}

/** A switch; unset, it follows `fallback`, which may depend on other settings (null). */
export function flag(name: string, fallback: boolean, explanation: string): Setting<boolean>;
export function flag(name: string, fallback: null, explanation: string): Setting<boolean | null>;
export function flag(name: string, fallback: boolean | null, explanation: string): Setting<boolean | null> {
  const schema = z
    .enum(['1', '0', 'true', 'false'])
    .transform((value): boolean | null => value === '1' || value === 'true');
  const defaultText = fallback === null ? '' : textOf(fallback);
  return define(name, withDefault(schema, fallback), '1, 0, true or false', explanation, { defaultText });
}

/** One of a few words. */
export function choice<const V extends readonly [string, ...string[]]>(
  name: string,
  values: V,
  fallback: V[number],
  explanation: string,
): Setting<V[number]> {
  const schema = z.enum(values) as unknown as z.ZodType<V[number], string>;
  return define(name, withDefault<V[number]>(schema, fallback), `one of ${values.join(', ')}`, explanation, {
    default: fallback,
  });
}

/** Free text; empty counts as unset. */
export function text(name: string, explanation: string, options: Options<string> = {}): Setting<string | undefined> {
  const allowed = 'text of at most 4096 characters';
  return define(name, z.string().max(4096).optional(), allowed, explanation, options);
}

/** Text with a default. */
export function textOr(name: string, fallback: string, explanation: string): Setting<string> {
  const schema = z.string().max(4096);
  return define(name, withDefault(schema, fallback), 'text of at most 4096 characters', explanation, {
    default: fallback,
  });
}

/** A list of words separated by commas. */
export function list(
  name: string,
  item: RegExp,
  allowed: string,
  fallback: string[],
  explanation: string,
): Setting<string[]> {
  const schema = z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .refine((items) => items.length > 0 && items.every((part) => item.test(part)));
  return define(name, withDefault(schema, fallback), allowed, explanation, { default: fallback });
}

/** A URL of one of the given protocols; it may hold a password and is treated as a secret. */
export function url(name: string, protocols: readonly string[], explanation: string): Setting<string | undefined> {
  const schema = z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.replace(/:$/, '')))
    .optional();
  const allowed = `a URL beginning with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`;
  return define(name, schema, allowed, explanation, { secret: true });
}

/** Keys for signing webhooks, as Standard Webhooks writes them: several while one is exchanged for another. Unset: none. */
export function signingKeys(name: string, explanation: string): Setting<readonly string[]> {
  const key = z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/)
    .refine((value) => {
      const { length } = Buffer.from(value.slice('whsec_'.length), 'base64');
      return length >= 24 && length <= 64;
    });
  const schema = z
    .string()
    .transform((value) => value.split(/[\s,]+/).filter((part) => part !== ''))
    .pipe(z.array(key));
  const allowed = 'whsec_ and 24 to 64 random bytes in base64; several of them separated by commas or spaces';
  return define(name, withDefault<readonly string[]>(schema, []), allowed, explanation, { secret: true });
}

/** A JSON object, or the path of a file that holds it; unset, it is empty. */
export function jsonOrFile<T extends object>(
  name: string,
  schema: z.ZodType<T>,
  allowed: string,
  explanation: string,
  options: { secret?: boolean } = {},
): Setting<T> {
  const json = z
    .string()
    .optional()
    .transform((value, context) => {
      try {
        return JSON.parse(
          value === undefined ? '{}' : value.startsWith('{') ? value : readFileSync(value, 'utf8'),
        ) as unknown;
      } catch (error) {
        return reportUnreadable(context, error);
      }
    });
  return define(name, json.pipe(schema), allowed, explanation, options);
}

function reportUnreadable(context: z.core.$RefinementCtx, error: unknown): never {
  context.addIssue({ code: 'custom', message: String(error) });
  return z.NEVER;
}

/** A part of a whole: a number from 0 to 1. */
export function ratio(name: string, fallback: number, explanation: string): Setting<number> {
  const schema = z
    .string()
    .regex(/^(?:0|1|[01]\.0+|0?\.\d{1,12})$/)
    .transform(Number);
  return define(name, withDefault(schema, fallback), 'a number from 0 to 1', explanation, { default: fallback });
}

/** `name=value` pairs separated by commas, the values percent-encoded; unset, there are none. */
export function pairs(
  name: string,
  explanation: string,
  options: { secret?: boolean } = {},
): Setting<Record<string, string>> {
  const pair = /^\s*[^\s=,]+\s*=(?:[^%]|%[0-7][\da-f])*$/i;
  const schema = z
    .string()
    .refine((value) => value.split(',').every((part) => pair.test(part)))
    .transform((value) => Object.fromEntries(value.split(',').map(pairOf)));
  const allowed = 'pairs such as a=1,b=2, with percent-encoded values';
  return define(name, withDefault<Record<string, string>>(schema, {}), allowed, explanation, options);
}

function pairOf(text: string): [string, string] {
  const at = text.indexOf('=');
  return [text.slice(0, at).trim(), decodeURIComponent(text.slice(at + 1).trim())];
}
