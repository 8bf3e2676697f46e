import { Module } from '@nestjs/common';
import { AlertBook } from './alert-book.service';
import { AlertEngine } from './alert-engine.service';
import { AlertFacts } from './alert-facts.service';
import { AlertMetrics } from './alert-metrics';
import { AlertSearch } from './alert-search.service';
import { AlertStore } from './alert.store';
import { AlertCanary } from './alert-canary.service';
import { AlertsIndicator } from './alerts.indicator';
import { AlertsLifecycle } from './alerts-lifecycle.service';
import { Alerts } from './alerts.service';
import { AlertChannels } from './channels/channels.service';
import { AlertDeliveries } from './deliveries.service';
import { DeliveryStore } from './delivery.store';
import { AlertHeartbeat } from './heartbeat.task';
import { OutageAlerts } from './outage-alerts.service';
import { OutageTurns } from './outage-turns.service';
import { AlertOutbox } from './outbox.task';
import { RecentSeriousFailures } from './recent-failures';
import { SilenceStore } from './silence.store';

/** Tells a human, once. Needs `ComponentHealth` and `DeliveryQueue`. */
@Module({
  providers: [
    AlertBook,
    AlertChannels,
    AlertDeliveries,
    AlertEngine,
    AlertFacts,
    AlertHeartbeat,
    AlertMetrics,
    AlertOutbox,
    AlertSearch,
    AlertStore,
    Alerts,
    AlertCanary,
    AlertsIndicator,
    AlertsLifecycle,
    DeliveryStore,
    OutageAlerts,
    OutageTurns,
    RecentSeriousFailures,
    SilenceStore,
  ],
  exports: [AlertDeliveries, AlertSearch, Alerts, AlertsLifecycle],
})
export class AlertsModule {}
