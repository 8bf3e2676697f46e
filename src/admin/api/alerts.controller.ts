import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { Alerts } from '../../alerts';
import type { Principal } from '../../auth';
import { AdminGuard } from '../session';
import { parseQuery } from './query';

const MAX_SILENCE_MINUTES = 30 * 1_440;

const Id = z.uuid();
const Text = z.string().trim().min(1).max(500);
const NewSilence = z.strictObject({
  rule: Text.nullable().default(null),
  group: Text.nullable().default(null),
  comment: Text,
  minutes: z.int().min(1).max(MAX_SILENCE_MINUTES),
});

/** Alerts, and what admins answer to them. */
@Controller('admin/api/alerts')
@UseGuards(AdminGuard)
export class AlertsController {
  constructor(private readonly alerts: Alerts) {}

  /** `GET /admin/api/alerts` → `{alerts, silences}`, the open ones first. @throws ComponentError DATABASE_* */
  @Get()
  @Header('Cache-Control', 'no-store')
  list() {
    return this.alerts.list();
  }

  /** `POST /admin/api/alerts/<id>/acknowledge`. @throws ComponentError ALERT_NOT_FOUND, HTTP_REQUEST_INVALID, DATABASE_* */
  @Post(':id/acknowledge')
  @HttpCode(204)
  async acknowledge(@Param('id') id: string, @Res({ passthrough: true }) response: Response): Promise<void> {
    await this.alerts.acknowledge(parseQuery(Id, id), actorOf(response));
  }

  /** `POST /admin/api/alerts/silences` `{rule?, group?, comment, minutes}` → the silence. @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_* */
  @Post('silences')
  @HttpCode(201)
  @Header('Cache-Control', 'no-store')
  silence(@Body() body: unknown, @Res({ passthrough: true }) response: Response) {
    return this.alerts.silence(parseQuery(NewSilence, body), actorOf(response));
  }

  /** `DELETE /admin/api/alerts/silences/<id>` ends it now. @throws ComponentError ALERT_NOT_FOUND, HTTP_REQUEST_INVALID, DATABASE_* */
  @Delete('silences/:id')
  @HttpCode(204)
  async endSilence(@Param('id') id: string, @Res({ passthrough: true }) response: Response): Promise<void> {
    await this.alerts.endSilence(parseQuery(Id, id), actorOf(response));
  }
}

function actorOf(response: Response): string {
  return (response.locals.principal as Principal).user_id;
}
