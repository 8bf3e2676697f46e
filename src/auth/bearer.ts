import type { IncomingHttpHeaders } from 'node:http';

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1); null where there is none. */
export function bearerToken(headers: IncomingHttpHeaders): string | null {
  return /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1] ?? null;
}
