import { COMPONENT_BY_CODE, ERROR_CODES, MAX_PAGE_SIZE, SEVERITIES, SUPPORT_CODE_PATTERN } from '@clarion/protocol';
import { Controller, Get, Header, Param, Query, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { Principal } from '../../auth';
import {
  ALL_REASONS,
  ComponentError,
  type FailureFilter,
  type FailureGroup,
  type FailureRecord,
  FailureSearch,
} from '../../errors';
import { FailureStories } from '../lookup/failure-stories.service';
import type { FailureStory } from '../lookup/failure-story';
import { LookUpAudit } from '../lookup/look-up-audit.service';
import { redactedFailure } from '../lookup/redacted';
import { SupportGuard } from '../session';
import { parseQuery } from './query';

const PAGE_SIZE = 50;
/** Longer than any support code. */
const MAX_CODE_CHARS = 100;

/** A group is about a stretch of time; without `since`, so long until now. */
const GROUPED_MS = 86_400_000;

const Time = z.iso.datetime({ offset: true });

/** `<time>`, or `<time>,<support code>` of the last record of the page before: two may be of one millisecond. */
const Before = z
  .string()
  .max(200)
  .refine((value) => Time.safeParse(value.split(',', 1)[0]).success, 'a time, or the `next` of the page before')
  .transform((value) => {
    const [before = '', before_code = ''] = value.split(',');
    return { before, before_code };
  });

const Filter = z.strictObject({
  code: z.coerce.number().pipe(z.literal(ERROR_CODES)).optional(),
  reason: z.enum(ALL_REASONS).optional(),
  component: z.enum(ERROR_CODES.map((code) => COMPONENT_BY_CODE[code])).optional(),
  severity: z.enum(SEVERITIES).optional(),
  user_id: z.string().min(1).max(128).optional(),
  run_id: z.uuid().optional(),
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  since: Time.optional(),
  before: Before.optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(PAGE_SIZE),
  group: z.literal('fingerprint').optional(),
});

interface ErrorList {
  readonly errors: readonly FailureRecord[];
  /** The `before` of the following page; null at the end. */
  readonly next: string | null;
  /** What could not be looked at, and why; one sentence each. */
  readonly missing: readonly string[];
}

interface ErrorGroups {
  readonly groups: readonly FailureGroup[];
  readonly missing: readonly string[];
}

/** Recorded failures, with all that is kept of them; with the scope `support`, without what is private. */
@Controller('admin/api/errors')
@UseGuards(SupportGuard)
export class AdminErrorsController {
  constructor(
    private readonly search: FailureSearch,
    private readonly stories: FailureStories,
    private readonly audit: LookUpAudit,
  ) {}

  /**
   * `GET /admin/api/errors?code&reason&component&severity&fingerprint&user_id&run_id&since&before&limit` → `{errors, next, missing}`, newest
   * first; with `group=fingerprint` → `{groups, missing}`, the one that occurred last first, by default of the last 24 hours. Of the database and
   * of what this process has spooled; with the database down of the spool alone, which `missing` says then.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Get()
  @Header('Cache-Control', 'no-store')
  async list(
    @Query() query: unknown,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ErrorList | ErrorGroups> {
    const { group, before, ...rest } = parseQuery(Filter, query);
    const filter = { ...rest, ...before };
    const principal = response.locals.principal as Principal;
    const answer = group === undefined ? await this.listed(filter, principal) : await this.grouped(filter);
    // What looks again and again at everything tells nothing; who looks at one user does.
    if (!principal.admin || filter.user_id !== undefined || filter.run_id !== undefined)
      await this.audit.note(principal, 'errors_listed', JSON.stringify({ ...filter, group }));
    return answer;
  }

  private async listed(filter: FailureFilter & { limit: number }, { admin }: Principal): Promise<ErrorList> {
    const { found, missing } = await this.search.list(filter);
    const last = found.length === filter.limit ? found.at(-1) : undefined;
    const next = last === undefined ? null : `${last.occurred_at},${last.support_code}`;
    return { errors: admin ? found : found.map(redactedFailure), next, missing };
  }

  private async grouped(filter: FailureFilter): Promise<ErrorGroups> {
    const since = filter.since ?? new Date(Date.now() - GROUPED_MS).toISOString();
    const { found, missing } = await this.search.groups({ ...filter, since });
    return { groups: found, missing };
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
