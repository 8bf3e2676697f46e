import { Injectable } from '@nestjs/common';
import type { RequestHandler } from 'express';
import type { Principal } from '../../auth';
import { AuditStore, Database } from '../../persistence';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const MAX_SUBJECT = 300;

/** Keeps on record what an admin changes on the board: before it is done, so that nothing is done that is not on record. */
@Injectable()
export class BoardAudit {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditStore,
  ) {}

  /** Comes after `adminMiddleware`, which says who it is. */
  readonly handle: RequestHandler = (request, response, next) => {
    if (SAFE_METHODS.has(request.method)) return next();
    const { user_id: actor } = response.locals.principal as Principal;
    const subject = `${request.method} ${request.path}`.slice(0, MAX_SUBJECT);
    const entry = { actor, action: 'queue_changed', subject } as const;
    this.database.transaction((tx) => this.audit.add(tx, entry)).then(() => next(), next);
  };
}
