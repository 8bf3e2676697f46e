import { Injectable } from '@nestjs/common';
import { ComponentError } from '../../errors';
import { AuditStore, Database } from '../../persistence';
import { RecoveryQueue } from '../recovery-queue';
import { DeliveryStore } from './delivery.store';

/** Digests as admins answer for them. */
@Injectable()
export class Digests {
  constructor(
    private readonly database: Database,
    private readonly store: DeliveryStore,
    private readonly queue: RecoveryQueue,
    private readonly audit: AuditStore,
  ) {}

  /**
   * Sends a digest anew that could not be sent, with the id that it had: a receiver that has it drops it. Audited. What is not enqueued the
   * sweep finds.
   * @throws ComponentError DIGEST_NOT_FOUND where none has failed under this id, DATABASE_*, QUEUE_UNAVAILABLE
   */
  async resend(id: string, actor: string): Promise<void> {
    const job = await this.database.transaction(async (tx) => {
      const reopened = await this.store.resend(tx, id);
      if (reopened === undefined) throw ComponentError.integration('DIGEST_NOT_FOUND', { details: { id } });
      await this.audit.add(tx, { actor, action: 'digest_resent', subject: id });
      return reopened;
    });
    await this.queue.schedule('fallback-delivery', [job]);
  }
}
