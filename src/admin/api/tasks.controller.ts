import { Controller, Get, Header, HttpCode, Param, Post, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import type { Principal } from '../../auth';
import { type TaskState, Tasks } from '../../tasks';
import { AdminGuard } from '../session';

/** The background tasks. */
@Controller('admin/api/tasks')
@UseGuards(AdminGuard)
export class TasksController {
  constructor(private readonly tasks: Tasks) {}

  /** `GET /admin/api/tasks` → `{tasks}`. @throws ComponentError DATABASE_* */
  @Get()
  @Header('Cache-Control', 'no-store')
  async list(): Promise<{ tasks: TaskState[] }> {
    return { tasks: await this.tasks.list() };
  }

  /**
   * `POST /admin/api/tasks/<name>/run` → `{task, job_id}`: wakes the task now; `job_id` is null for a task of this process, which has run
   * by then. Audited.
   * @throws ComponentError BACKGROUND_TASK_UNKNOWN, DATABASE_*, QUEUE_UNAVAILABLE
   */
  @Post(':name/run')
  @HttpCode(202)
  @Header('Cache-Control', 'no-store')
  async run(
    @Param('name') name: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ task: string; job_id: string | null }> {
    const admin = response.locals.principal as Principal;
    return { task: name, job_id: await this.tasks.run(name.slice(0, 100), admin.user_id) };
  }
}
