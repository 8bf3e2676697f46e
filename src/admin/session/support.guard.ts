import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { SUPPORT_SCOPE } from '../../auth';
import { AdminAccess } from './admin-access';

/** As `AdminGuard`, for what support may see too. Controllers show less where `response.locals.principal` is no admin. */
@Injectable()
export class SupportGuard implements CanActivate {
  constructor(private readonly access: AdminAccess) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const principal = await this.access.authorize(http.getRequest<Request>(), SUPPORT_SCOPE);
    http.getResponse<Response>().locals.principal = principal;
    return true;
  }
}
