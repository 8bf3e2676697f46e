export { Digests } from './fallback/digests.service';
export { Fallback } from './fallback/fallback.service';
export { RecoveryModule } from './recovery.module';
export { RecoveryQueue, type RecoveryQueueName, type RoundJob } from './recovery-queue';
export { RecoveryRounds } from './recovery-rounds.service';
