import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { FailureReporter, type Failure } from '../failure-reporter';
import { localeOf } from './locale';

/** Answers whatever an HTTP handler throws as `application/problem+json` (RFC 9457), with the fields of PROTOCOL.md section 5 as members. */
@Catch()
export class HttpProblemFilter implements ExceptionFilter {
  constructor(private readonly reporter: FailureReporter) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const failure = await this.reporter.report(error, {
      operation: `http.${request.method} ${routeOf(request)}`,
      component: 'MessageHandler',
      user_id: userOf(response),
      source: request.ip,
      locale: localeOf(request),
    });
    // Half an answer cannot become a problem any more: cut off, it is at least not taken for a whole one.
    if (response.headersSent) response.destroy();
    else answer(response, failure);
  }
}

function answer(response: Response, { error, cause }: Failure): void {
  const status = statusOf(cause);
  if (error.retry_after_ms !== null) response.setHeader('Retry-After', Math.ceil(error.retry_after_ms / 1_000));
  if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer');
  response
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: error.help_url, title: error.message, status, ...error }));
}

/** A refusal of the framework keeps its own 4xx status: 405, 415 and the like share one reason. */
function statusOf({ reason, definition, details }: Failure['cause']): number {
  const given = details['status'];
  const keeps = reason === 'HTTP_REQUEST_INVALID' && typeof given === 'number' && given >= 400 && given < 500;
  return keeps ? given : definition.httpStatus;
}

function routeOf(request: Request): string {
  const route = request.route as { path?: unknown } | undefined;
  return typeof route?.path === 'string' ? route.path : '*';
}

/** Whoever established the caller left the principal in `response.locals`. */
function userOf(response: Response): string | null {
  const principal = response.locals['principal'] as { user_id?: unknown } | undefined;
  return typeof principal?.user_id === 'string' ? principal.user_id : null;
}
