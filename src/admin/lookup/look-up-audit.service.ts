import { Injectable, Logger } from '@nestjs/common';
import type { Principal } from '../../auth';
import { FailureReporter } from '../../errors';
import { type AuditEntry, AuditStore, Database } from '../../persistence';

/** Keeps on record who has looked what up. */
@Injectable()
export class LookUpAudit {
  private readonly logger = new Logger('audit');

  constructor(
    private readonly database: Database,
    private readonly audit: AuditStore,
    private readonly reporter: FailureReporter,
  ) {}

  /**
   * Resolves when it is on record. An admin reads on while the database is down, which the log tells then: that is when failures are looked up.
   * @throws ComponentError DATABASE_* for everybody else
   */
  async note({ user_id: actor, admin }: Principal, action: AuditEntry['action'], subject: string): Promise<void> {
    const entry = { actor, action, subject };
    try {
      await this.database.transaction((tx) => this.audit.add(tx, entry));
    } catch (error) {
      await this.reporter.report(error, { operation: 'admin.audit' });
      if (!admin) throw error;
      this.logger.warn(entry, 'Looked up; the audit log could not be written');
    }
  }
}
