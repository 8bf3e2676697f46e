import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import type { Request } from 'express';
import { z } from 'zod';
import { ComponentError } from '../../errors';
import { isUserId } from '../principal';
import { DevelopmentIssuer } from './development.issuer';
import { foreignRequest } from './local-request';

const TokenRequestBody = z.object({ user: z.string().refine(isUserId), admin: z.boolean().default(false) });

/** Mounted only with the development issuer; serves nobody but this machine. */
@Controller('auth')
export class DevTokenController {
  constructor(private readonly issuer: DevelopmentIssuer) {}

  /**
   * `POST /auth/dev-token` `{user, admin?}` → `{token}`
   * @throws ComponentError DEV_TOKEN_REFUSED, HTTP_REQUEST_INVALID
   */
  @Post('dev-token')
  @HttpCode(200)
  async issue(@Req() request: Request, @Body() body: unknown): Promise<{ token: string }> {
    const foreign = foreignRequest(request);
    if (foreign) throw ComponentError.authentication('DEV_TOKEN_REFUSED', { details: { check: foreign } });
    const parsed = TokenRequestBody.safeParse(body);
    if (!parsed.success) throw invalidBody(parsed.error);
    return { token: await this.issuer.issue(parsed.data) };
  }
}

function invalidBody(error: z.ZodError): ComponentError {
  const issues = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  return ComponentError.messageHandler('HTTP_REQUEST_INVALID', { details: { issues } });
}
