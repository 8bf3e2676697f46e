import type { IncomingHttpHeaders } from 'node:http';
import type { CookieOptions, Request, Response } from 'express';

const NAME = 'clarion_admin';

/** Browsers drop a cookie of more than 4,096 bytes, name and attributes included, without a word. */
export const MAX_COOKIE_TOKEN_CHARS = 3_800;

/** The token of the admin's cookie; null without one. */
export function cookieToken(headers: IncomingHttpHeaders): string | null {
  const prefix = `${NAME}=`;
  const pair = headers.cookie?.split(/; */).find((part) => part.startsWith(prefix));
  return pair?.slice(prefix.length) || null;
}

/** Keeps a verified token in the browser until it ends: out of reach of scripts and of requests from other sites. */
export function setCookieToken(response: Response, token: string, expiresAt: Date, secure: boolean): void {
  const maxAge = expiresAt.getTime() - Date.now();
  response.cookie(NAME, token, { ...attributes(secure), maxAge, encode: String });
}

export function clearCookieToken(response: Response, secure: boolean): void {
  response.clearCookie(NAME, attributes(secure));
}

/** Whether the cookie may travel only over TLS; in production always, where a proxy ends TLS before us. */
export function needsSecureCookie(request: Request, production: boolean): boolean {
  return production || request.secure;
}

function attributes(secure: boolean): CookieOptions {
  return { httpOnly: true, sameSite: 'strict', path: '/admin', secure };
}
