import { Controller, Get, Header, Param, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { Principal } from '../../auth';
import { ComponentError } from '../../errors';
import { LookUpAudit } from '../lookup/look-up-audit.service';
import { redactedRun } from '../lookup/redacted';
import type { RunRecord } from '../lookup/run-record';
import { RunRecordStore } from '../lookup/run-record.store';
import { SupportGuard } from '../session';

const RunId = z.uuid();

/** Runs, told from beginning to end. */
@Controller('admin/api/runs')
@UseGuards(SupportGuard)
export class RunsController {
  constructor(
    private readonly runs: RunRecordStore,
    private readonly audit: LookUpAudit,
  ) {}

  /**
   * `GET /admin/api/runs/<id>` → the run's record; with the scope `support` a redacted one. Audited.
   * @throws ComponentError RUN_NOT_FOUND, DATABASE_*
   */
  @Get(':runId')
  @Header('Cache-Control', 'no-store')
  async show(@Param('runId') given: string, @Res({ passthrough: true }) response: Response): Promise<RunRecord> {
    const runId = RunId.safeParse(given.trim().toLowerCase());
    const run = runId.success ? await this.runs.find(runId.data) : null;
    if (run === null) throw ComponentError.messageHandler('RUN_NOT_FOUND');
    const principal = response.locals.principal as Principal;
    await this.audit.note(principal, 'run_read', run.run_id);
    return principal.admin ? run : redactedRun(run);
  }
}
