import { COMPONENT_BY_CODE, ERROR_CODES, MAX_PAGE_SIZE, SEVERITIES, SUPPORT_CODE_PATTERN } from '@clarion/protocol';
import { Controller, Get, Header, Param, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { ALL_REASONS, ComponentError, FailureLookup, type FailureRecord, FailureRecordStore } from '../../errors';
import { AdminGuard } from '../session';
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

/** Recorded failures, with all that is kept of them. */
@Controller('admin/api/errors')
@UseGuards(AdminGuard)
export class AdminErrorsController {
  constructor(
    private readonly records: FailureRecordStore,
    private readonly lookup: FailureLookup,
  ) {}

  /**
   * `GET /admin/api/errors?reason&component&severity&user_id&run_id&since&before&limit` → `{errors, next}`, newest first; `next` is the
   * `before` of the following page, null at the end. What waits in the spool is not in it.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Get()
  @Header('Cache-Control', 'no-store')
  async list(@Query() query: unknown): Promise<{ errors: FailureRecord[]; next: string | null }> {
    const filter = parseQuery(Filter, query);
    const errors = await this.records.list(filter);
    const last = errors.length === filter.limit ? errors.at(-1) : undefined;
    return { errors, next: last?.occurred_at ?? null };
  }

  /**
   * `GET /admin/api/errors/<SUPPORT_CODE>` → the record, from the database or the spool.
   * @throws ComponentError SUPPORT_CODE_NOT_FOUND, DATABASE_*
   */
  @Get(':supportCode')
  @Header('Cache-Control', 'no-store')
  async show(@Param('supportCode') given: string): Promise<FailureRecord> {
    const code = given.trim().toUpperCase();
    const known = code.length <= MAX_CODE_CHARS && SUPPORT_CODE_PATTERN.test(code);
    const record = known ? await this.lookup.find(code) : null;
    if (record !== null) return record;
    throw ComponentError.messageHandler('SUPPORT_CODE_NOT_FOUND', {
      details: { support_code: code.slice(0, MAX_CODE_CHARS) },
    });
  }
}
