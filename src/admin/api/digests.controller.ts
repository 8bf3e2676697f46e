import { Controller, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { Principal } from '../../auth';
import { Digests } from '../../recovery';
import { AdminGuard } from '../session';
import { parseQuery } from './query';

const Id = z.uuid();

/** Digests to users who did not come back. */
@Controller('admin/api/digests')
@UseGuards(AdminGuard)
export class DigestsController {
  constructor(private readonly digests: Digests) {}

  /**
   * `POST /admin/api/digests/<id>/resend`: sends one anew that could not be sent. Audited.
   * @throws ComponentError DIGEST_NOT_FOUND, HTTP_REQUEST_INVALID, DATABASE_*, QUEUE_UNAVAILABLE
   */
  @Post(':id/resend')
  @HttpCode(202)
  async resend(@Param('id') id: string, @Res({ passthrough: true }) response: Response): Promise<void> {
    const admin = response.locals.principal as Principal;
    await this.digests.resend(parseQuery(Id, id), admin.user_id);
  }
}
