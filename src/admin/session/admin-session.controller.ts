import { Body, Controller, Delete, Get, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { bearerToken, type Principal } from '../../auth';
import { AppConfig } from '../../config';
import { ComponentError, FailureReporter, PAGE_HEADERS } from '../../errors';
import { AdminAccess } from './admin-access';
import { refuseCrossSite } from './cross-site';
import { clearCookieToken, MAX_COOKIE_TOKEN_CHARS, needsSecureCookie, setCookieToken } from './session-cookie';
import { signInPage } from './sign-in-page';

const HOME = '/admin/queues';

const SignInBody = z.object({ token: z.string().trim() });

/** Exchanges an admin's token for a cookie, so that a browser can open the pages below `/admin`. */
@Controller('admin/session')
export class AdminSessionController {
  constructor(
    private readonly access: AdminAccess,
    private readonly reporter: FailureReporter,
    private readonly config: AppConfig,
  ) {}

  /** `GET /admin/session`: the form. */
  @Get()
  @Header('Cache-Control', 'no-store')
  form(@Res() response: Response): void {
    response.set(PAGE_HEADERS).send(signInPage());
  }

  /**
   * `POST /admin/session` with `{token}` as JSON or form, or `Authorization: Bearer` → `{user_id, expires_at}` and the
   * cookie. The form is sent on to the pages, or shown again with what went wrong.
   * @throws ComponentError AUTH_*, AUTH_SCOPE_MISSING, ORIGIN_NOT_ALLOWED, HTTP_REQUEST_INVALID
   */
  @Post()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async signIn(@Req() request: Request, @Body() body: unknown, @Res() response: Response): Promise<void> {
    const fromForm = request.is('application/x-www-form-urlencoded') !== false && bearerToken(request.headers) === null;
    try {
      const { user_id, expires_at } = await this.open(request, body, response);
      if (fromForm) response.redirect(303, HOME);
      else response.json({ user_id, expires_at });
    } catch (error) {
      const failure = await this.reporter.report(error, { operation: 'admin.sign_in', source: request.ip });
      if (!fromForm) throw error;
      const { httpStatus } = failure.cause.definition;
      response.status(httpStatus).set(PAGE_HEADERS).send(signInPage(failure.error.user_notification));
    }
  }

  /** `DELETE /admin/session` takes the cookie away. */
  @Delete()
  @HttpCode(204)
  signOut(@Req() request: Request, @Res({ passthrough: true }) response: Response): void {
    refuseCrossSite(request.headers);
    clearCookieToken(response, this.secure(request));
  }

  private async open(request: Request, body: unknown, response: Response): Promise<Principal> {
    refuseCrossSite(request.headers);
    const token = bearerToken(request.headers) ?? SignInBody.safeParse(body).data?.token ?? '';
    const principal = await this.access.verify(token);
    if (token.length > MAX_COOKIE_TOKEN_CHARS) throw tooLongForCookie();
    setCookieToken(response, token, principal.expires_at, this.secure(request));
    return principal;
  }

  private secure(request: Request): boolean {
    return needsSecureCookie(request, this.config.server.production);
  }
}

function tooLongForCookie(): ComponentError {
  const message = `a cookie holds ${MAX_COOKIE_TOKEN_CHARS} characters; send a longer token as Authorization: Bearer`;
  return ComponentError.messageHandler('HTTP_REQUEST_INVALID', { details: { issues: [{ path: 'token', message }] } });
}
