import { schemaReasonOf } from '@clarion/protocol/schemas';
import type { z } from 'zod';
import { ComponentError, type Reason } from '../errors';

const MOST_ISSUES = 10;

/** What the schema makes of a value; a refusal names the fields, never their values. @throws ComponentError */
export function parse<T>(schema: z.ZodType<T>, value: unknown, otherwise: Reason): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, MOST_ISSUES)
    .map(({ path, code }) => ({ path: path.map(String).join('.'), code }));
  throw new ComponentError(schemaReasonOf(result.error) ?? otherwise, { details: { issues } });
}
