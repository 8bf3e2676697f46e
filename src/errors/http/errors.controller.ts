import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ALL_REASONS, CATALOGUE, isReason, type Reason } from '../catalogue';
import { readPage } from '../catalogue/pages';
import { userText } from '../catalogue/texts';
import { ComponentError } from '../component-error';
import { listPage, reasonPage } from './error-pages';
import { PAGE_HEADERS } from './html-page';
import { localeOf } from './locale';

/** The catalogue for whoever meets an error, public: nothing in it is about an occurrence. */
@Controller('errors')
export class ErrorsController {
  /** `GET /errors` → `{errors}`, or a page where the caller prefers HTML. */
  @Get()
  list(@Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const errors = ALL_REASONS.map((reason) => entryOf(reason, localeOf(request)));
    return negotiated(
      request,
      response,
      () => ({ errors }),
      () => listPage(errors),
    );
  }

  /**
   * `GET /errors/<REASON>` → the entry with its `page` in Markdown, or a page where the caller prefers HTML.
   * @throws ComponentError HTTP_NOT_FOUND for what is no reason
   */
  @Get(':reason')
  async show(@Param('reason') name: string, @Req() request: Request, @Res({ passthrough: true }) response: Response) {
    const reason = name.toUpperCase();
    if (!isReason(reason)) throw ComponentError.messageHandler('HTTP_NOT_FOUND', { details: { path: request.path } });
    const entry = entryOf(reason, localeOf(request));
    const page = await readPage(reason);
    return negotiated(
      request,
      response,
      () => ({ ...entry, page }),
      () => reasonPage(entry, page),
    );
  }
}

/** JSON unless the caller says that it likes HTML better, as browsers do. */
function negotiated<T>(request: Request, response: Response, json: () => T, html: () => string): T | string {
  response.vary('Accept').vary('Accept-Language');
  if (request.accepts(['json', 'html']) !== 'html') return json();
  response.set(PAGE_HEADERS);
  return html();
}

function entryOf(reason: Reason, locale: string | undefined) {
  const definition = CATALOGUE[reason];
  return {
    reason,
    code: definition.code,
    component: definition.component,
    severity: definition.severity,
    retryable: definition.retryable,
    retry_after_ms: definition.retryAfterMs,
    http_status: definition.httpStatus,
    message: definition.message,
    user_notification: userText(reason, locale),
    help_url: `/errors/${reason}`,
  };
}
