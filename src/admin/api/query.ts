import type { z } from 'zod';
import { ComponentError } from '../../errors';

/**
 * The validated query of a request.
 * @throws ComponentError HTTP_REQUEST_INVALID with what is wrong with which parameter
 */
export function parseQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues
    .slice(0, 10)
    .map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  throw ComponentError.messageHandler('HTTP_REQUEST_INVALID', { details: { issues } });
}
