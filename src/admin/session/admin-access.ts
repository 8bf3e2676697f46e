import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { ADMIN_SCOPE, bearerToken, type Principal, TokenVerifier } from '../../auth';
import { ComponentError } from '../../errors';
import { refuseCrossSite } from './cross-site';
import { cookieToken } from './session-cookie';

const VERIFY_TIMEOUT_MS = 5_000;
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Decides who is an admin, by `Authorization: Bearer` or by the cookie of `POST /admin/session`. */
@Injectable()
export class AdminAccess {
  constructor(private readonly verifier: TokenVerifier) {}

  /**
   * The admin who sends a request, or who has the scope `also`. A browser adds the cookie by itself, so what changes something must come from our own pages.
   * @throws ComponentError AUTH_*, AUTH_SCOPE_MISSING, ORIGIN_NOT_ALLOWED
   */
  async authorize({ headers, method }: Pick<Request, 'headers' | 'method'>, also?: string): Promise<Principal> {
    const bearer = bearerToken(headers);
    if (bearer !== null) return this.verify(bearer, also);
    const token = cookieToken(headers);
    if (token !== null && !SAFE_METHODS.has(method)) refuseCrossSite(headers);
    return this.verify(token ?? '', also);
  }

  /** @throws ComponentError AUTH_*, AUTH_SCOPE_MISSING */
  async verify(token: string, also?: string): Promise<Principal> {
    const principal = await this.verifier.verify(token, AbortSignal.timeout(VERIFY_TIMEOUT_MS));
    if (principal.admin || (also !== undefined && principal.scopes.has(also))) return principal;
    throw ComponentError.authentication('AUTH_SCOPE_MISSING', { details: { scope: ADMIN_SCOPE } });
  }
}
