import { Module } from '@nestjs/common';
import { DueStore } from './due.store';
import { DeliveryStore } from './fallback/delivery.store';
import { Digests } from './fallback/digests.service';
import { EmailChannel } from './fallback/email.channel';
import { FallbackChannels } from './fallback/fallback-channels';
import { Fallback } from './fallback/fallback.service';
import { WebhookChannel } from './fallback/webhook.channel';
import { RecoveryMetrics } from './recovery-metrics';
import { RecoveryRounds } from './recovery-rounds.service';
import { RecoverySweep } from './recovery-sweep.task';
import { RecoveryStore } from './recovery.store';

/** What becomes of events whose user is not there. Needs a `RecoveryQueue`. */
@Module({
  providers: [
    DeliveryStore,
    Digests,
    DueStore,
    EmailChannel,
    Fallback,
    FallbackChannels,
    RecoveryMetrics,
    RecoveryRounds,
    RecoveryStore,
    RecoverySweep,
    WebhookChannel,
  ],
  exports: [Digests, Fallback, RecoveryRounds],
})
export class RecoveryModule {}
