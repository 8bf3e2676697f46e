import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { TasksModule } from '../tasks';
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
  imports: [AdminSessionModule, AgentsModule, TasksModule],
  providers: [AdminRetention, BullBoard, RecoveryStatisticsStore, StatisticsRollUp, StatisticsStore],
  controllers: [AdminErrorsController, StatisticsController, TasksController, AdminUsersController],
})
export class AdminModule {}
