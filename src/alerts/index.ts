export { AlertSearch, type AlertAbout } from './alert-search.service';
export { Alerts } from './alerts.service';
export { AlertsLifecycle } from './alerts-lifecycle.service';
export { AlertsModule } from './alerts.module';
export { AlertChannels } from './channels/channels.service';
export { ComponentHealth } from './component-health';
export { AlertDeliveries } from './deliveries.service';
export { DeliveryQueue } from './delivery-queue';
export type { AlertNotice } from './notice';
