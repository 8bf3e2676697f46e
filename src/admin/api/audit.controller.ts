import { MAX_PAGE_SIZE } from '@clarion/protocol';
import { Controller, Get, Header, Query, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { AUDITED_ACTIONS, type AuditRecord, AuditStore } from '../../persistence';
import { AdminGuard } from '../session';
import { parseQuery } from './query';

const PAGE_SIZE = 50;
const Text = z.string().min(1).max(500);

const Filter = z.strictObject({
  actor: Text.optional(),
  action: z.enum(AUDITED_ACTIONS).optional(),
  subject: Text.optional(),
  before: z.uuid().optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(PAGE_SIZE),
});

/** What admins did. */
@Controller('admin/api/audit')
@UseGuards(AdminGuard)
export class AuditController {
  constructor(private readonly audit: AuditStore) {}

  /**
   * `GET /admin/api/audit?actor&action&subject&before&limit` → `{entries, next}`, newest first; `next` is the `before` of the following page,
   * null at the end.
   * @throws ComponentError HTTP_REQUEST_INVALID, DATABASE_*
   */
  @Get()
  @Header('Cache-Control', 'no-store')
  async list(@Query() query: unknown): Promise<{ entries: AuditRecord[]; next: string | null }> {
    const filter = parseQuery(Filter, query);
    const entries = await this.audit.list(filter);
    const last = entries.length === filter.limit ? entries.at(-1) : undefined;
    return { entries, next: last?.id ?? null };
  }
}
