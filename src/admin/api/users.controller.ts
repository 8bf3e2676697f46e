import { Controller, Delete, Header, Param, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import { UserErasure } from '../../agents';
import type { Principal } from '../../auth';
import { AdminGuard } from '../session';
import { parseQuery } from './query';

const User = z.object({ user_id: z.string().min(1).max(128) });

/** What admins do to users. */
@Controller('admin/api/users')
@UseGuards(AdminGuard)
export class AdminUsersController {
  constructor(private readonly erasure: UserErasure) {}

  /**
   * `DELETE /admin/api/users/<id>` → `{user_id}` once nothing is left of the user; for one who never was, too. Audited.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Delete(':userId')
  @Header('Cache-Control', 'no-store')
  async erase(
    @Param('userId') given: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ user_id: string }> {
    const { user_id } = parseQuery(User, { user_id: given });
    const admin = response.locals.principal as Principal;
    await this.erasure.erase(user_id, admin.user_id);
    return { user_id };
  }
}
