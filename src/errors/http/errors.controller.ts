import { Controller, Get, Param, Req } from '@nestjs/common';
import type { Request } from 'express';
import { ALL_REASONS, CATALOGUE, isReason, type Reason } from '../catalogue';
import { readPage } from '../catalogue/pages';
import { userText } from '../catalogue/texts';
import { ComponentError } from '../component-error';
import { localeOf } from './locale';

/** The catalogue for whoever meets an error, public: nothing in it is about an occurrence. */
@Controller('errors')
export class ErrorsController {
  @Get()
  list(@Req() request: Request) {
    return { errors: ALL_REASONS.map((reason) => entryOf(reason, localeOf(request))) };
  }

  /** @throws ComponentError HTTP_NOT_FOUND for what is no reason */
  @Get(':reason')
  async show(@Param('reason') name: string, @Req() request: Request) {
    const reason = name.toUpperCase();
    if (!isReason(reason)) throw ComponentError.messageHandler('HTTP_NOT_FOUND', { details: { path: request.path } });
    return { ...entryOf(reason, localeOf(request)), page: await readPage(reason) };
  }
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
