import { COMPONENT_BY_CODE, ERROR_CODES, MAX_PAGE_SIZE, SEVERITIES, SUPPORT_CODE_PATTERN } from '@clarion/protocol';
import { Controller, Get, Header, Param, Query, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { Principal } from '../../auth';
import { ALL_REASONS, ComponentError, type FailureRecord, FailureRecordStore } from '../../errors';
import { FailureStories } from '../lookup/failure-stories.service';
import type { FailureStory } from '../lookup/failure-story';
import { LookUpAudit } from '../lookup/look-up-audit.service';
import { redactedFailure } from '../lookup/redacted';
import { SupportGuard } from '../session';
import { parseQuery } from './query';

const PAGE_SIZE = 50;
/** Longer than any support code. */
const MAX_CODE_CHARS = 100;

const Filter = z.strictObject({
  reason: z.enum(ALL_REASONS).optional(),
  component: z.enum(ERROR_CODES.map((code) => COMPONENT_BY_CODE[code])).optional(),
  severity: z.enum(SEVERITIES).optional(),
  user_id: z.string().min(1).max(128).optional(),
  run_id: z.uuid().optional(),
  since: z.iso.datetime({ offset: true }).optional(),
  before: z.iso.datetime({ offset: true }).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(PAGE_SIZE),
});

/** Recorded failures, with all that is kept of them; with the scope `support`, without what is private. */
@Controller('admin/api/errors')
@UseGuards(SupportGuard)
export class AdminErrorsController {
  constructor(
    private readonly records: FailureRecordStore,
    private readonly stories: FailureStories,
    private readonly audit: LookUpAudit,
  ) {}

  /**
   * `GET /admin/api/errors?reason&component&severity&user_id&run_id&since&before&limit` → `{errors, next}`, newest first; `next` is the
   * `before` of the following page, null at the end. What waits in the spool is not in it.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Get()
  @Header('Cache-Control', 'no-store')
  async list(
    @Query() query: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ errors: FailureRecord[]; next: string | null }> {
    const filter = parseQuery(Filter, query);
    const errors = await this.records.list(filter);
    const last = errors.length === filter.limit ? errors.at(-1) : undefined;
    const principal = response.locals.principal as Principal;
    // What looks again and again at everything tells nothing; who looks at one user does.
    if (!principal.admin || filter.user_id !== undefined || filter.run_id !== undefined)
      await this.audit.note(principal, 'errors_listed', JSON.stringify(filter));
    return { errors: principal.admin ? errors : errors.map(redactedFailure), next: last?.occurred_at ?? null };
  }

  /**
   * `GET /admin/api/errors/<SUPPORT_CODE>` → the record, from the database or the spool, and what came of it. Audited.
   * @throws ComponentError SUPPORT_CODE_NOT_FOUND, DATABASE_*
   */
  @Get(':supportCode')
  @Header('Cache-Control', 'no-store')
  async show(
    @Param('supportCode') given: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<FailureStory> {
    const code = given.trim().toUpperCase();
    const known = code.length <= MAX_CODE_CHARS && SUPPORT_CODE_PATTERN.test(code);
    const story = known ? await this.stories.find(code) : null;
    if (story === null) {
      const details = { support_code: code.slice(0, MAX_CODE_CHARS) };
      throw ComponentError.messageHandler('SUPPORT_CODE_NOT_FOUND', { details });
    }
    const principal = response.locals.principal as Principal;
    await this.audit.note(principal, 'error_read', code);
    return principal.admin ? story : redactedFailure(story);
  }
}
