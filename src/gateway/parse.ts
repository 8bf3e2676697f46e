import { MAX_CONTENT_BYTES, PROTOCOL_VERSION } from '@clarion/protocol';
import { type SchemaReason, schemaReasonOf } from '@clarion/protocol/schemas';
import type { z } from 'zod';
import { ComponentError, type Reason } from '../errors';

const MOST_ISSUES = 10;

/** What would have been right, where one reason says it for every field. */
const EXPECTED: Partial<Record<SchemaReason, Record<string, unknown>>> = {
  PROTOCOL_VERSION_UNSUPPORTED: { supported: PROTOCOL_VERSION },
  CURSOR_INVALID: { expected: '<epoch>:<seq>' },
  CONTENT_TOO_LARGE: { max_bytes: MAX_CONTENT_BYTES },
};

/** What the schema makes of a value; a refusal names the fields, never their values. @throws ComponentError */
export function parse<T>(schema: z.ZodType<T>, value: unknown, otherwise: Reason): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, MOST_ISSUES)
    .map(({ path, code }) => ({ path: path.map(String).join('.'), code }));
  const reason = schemaReasonOf(result.error);
  const details = reason === null ? { issues } : { issues, path: issues[0]?.path, ...EXPECTED[reason] };
  throw new ComponentError(reason ?? otherwise, { details });
}
