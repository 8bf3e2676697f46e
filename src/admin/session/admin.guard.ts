import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AdminAccess } from './admin-access';

/** Lets only admins reach a controller; `response.locals.principal` then says who it is. Refusals are for the HTTP filter. */
@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly access: AdminAccess) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const principal = await this.access.authorize(http.getRequest<Request>());
    http.getResponse<Response>().locals.principal = principal;
    return true;
  }
}
