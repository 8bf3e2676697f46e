import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { AlertsModule } from '../alerts';
import { TasksModule } from '../tasks';
import { AlertsController } from './api/alerts.controller';
import { AdminErrorsController } from './api/errors.controller';
import { StatisticsController } from './api/statistics.controller';
import { BullBoard } from './board/bull-board.service';
import { TasksController } from './api/tasks.controller';
import { AdminUsersController } from './api/users.controller';
import { RecoveryStatisticsStore } from './recovery-statistics.store';
import { AdminRetention } from './retention.task';
import { AdminSessionModule } from './session';
import { StatisticsRollUp } from './statistics-rollup.task';
import { StatisticsStore } from './statistics.store';

/** What admins see: failures, numbers, queues. Needs a `QueueDirectory`; `mountBullBoard` puts the board into the application. */
@Module({
  imports: [AdminSessionModule, AgentsModule, AlertsModule, TasksModule],
  providers: [AdminRetention, BullBoard, RecoveryStatisticsStore, StatisticsRollUp, StatisticsStore],
  controllers: [AlertsController, AdminErrorsController, StatisticsController, TasksController, AdminUsersController],
})
export class AdminModule {}
