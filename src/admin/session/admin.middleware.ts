import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { ComponentError } from '../../errors';
import type { AdminAccess } from './admin-access';

const SIGN_IN_PATH = '/admin/session';

/**
 * `AdminGuard` for what is no controller: `app.use('/admin/queues', adminMiddleware(access), board)`. Someone who opens a
 * page without being signed in is shown the sign-in form; every other refusal goes on to the HTTP filter.
 */
export function adminMiddleware(access: AdminAccess): RequestHandler {
  return (request, response, next) => {
    access.authorize(request).then(
      (principal) => {
        response.locals.principal = principal;
        next();
      },
      (error: unknown) => refuse(error, request, response, next),
    );
  };
}

function refuse(error: unknown, request: Request, response: Response, next: NextFunction): void {
  const unknownCaller = error instanceof ComponentError && error.definition.httpStatus === 401;
  if (unknownCaller && opensPage(request)) response.redirect(303, SIGN_IN_PATH);
  else next(error);
}

function opensPage({ method, headers }: Request): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html');
}
