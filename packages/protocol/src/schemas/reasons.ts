import type { z } from 'zod';

/**
 * What a payload can be refused for besides its structure. A refinement carries its reason as `params.reason`, so that a server
 * tells them apart without reading messages; every other issue is one of structure (a missing field, a wrong type or form).
 * The names are those of the error catalogue.
 */
export const SCHEMA_REASONS = [
  'PROTOCOL_VERSION_UNSUPPORTED',
  'AUTH_TOKEN_MISSING',
  'AUTH_TOKEN_MALFORMED',
  'CURSOR_INVALID',
  'CONTENT_EMPTY',
  'CONTENT_TOO_LARGE',
  'TEXT_INVALID',
] as const;

export type SchemaReason = (typeof SCHEMA_REASONS)[number];

const KNOWN: ReadonlySet<unknown> = new Set(SCHEMA_REASONS);

/** Second argument of `refine`: names the reason, and keeps later refinements of the same field from running. */
export function because(reason: SchemaReason): { params: { reason: SchemaReason }; abort: true } {
  return { params: { reason }, abort: true };
}

/** The reason of the first issue that carries one; null where only the structure is wrong. */
export function schemaReasonOf(error: z.ZodError): SchemaReason | null {
  for (const issue of error.issues) {
    const reason: unknown = issue.code === 'custom' ? issue.params?.['reason'] : undefined;
    if (isSchemaReason(reason)) return reason;
  }
  return null;
}

function isSchemaReason(reason: unknown): reason is SchemaReason {
  return KNOWN.has(reason);
}
