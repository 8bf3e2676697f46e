import type { Request } from 'express';

/** The language that the caller likes best (RFC 9110 §12.5.4), as a BCP 47 tag. */
export function localeOf(request: Request): string | undefined {
  return request.acceptsLanguages()[0];
}
