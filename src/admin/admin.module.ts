import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { AlertsModule } from '../alerts';
import { RecoveryModule } from '../recovery';
import { TasksModule } from '../tasks';
import { AlertsController } from './api/alerts.controller';
import { AuditController } from './api/audit.controller';
import { AdminErrorsController } from './api/errors.controller';
import { DigestsController } from './api/digests.controller';
import { RunsController } from './api/runs.controller';
import { StatisticsController } from './api/statistics.controller';
import { BoardAudit } from './board/board-audit.service';
import { BullBoard } from './board/bull-board.service';
import { TasksController } from './api/tasks.controller';
import { AdminUsersController } from './api/users.controller';
import { FailureSeriesStore } from './failure-series.store';
import { HealthSeriesStore } from './health-series.store';
import { FailureStories } from './lookup/failure-stories.service';
import { LookUpAudit } from './lookup/look-up-audit.service';
import { RunRecordStore } from './lookup/run-record.store';
import { ToldStore } from './lookup/told.store';
import { RecoveryStatisticsStore } from './recovery-statistics.store';
import { AdminRetention } from './retention.task';
import { AdminSessionModule } from './session';
import { StatisticsRollUp } from './statistics-rollup.task';
import { StatisticsStore } from './statistics.store';

/** What admins see: failures, numbers, queues. Needs a `QueueDirectory`; `mountBullBoard` puts the board into the application. */
@Module({
  imports: [AdminSessionModule, AgentsModule, AlertsModule, RecoveryModule, TasksModule],
  providers: [
    AdminRetention,
    BoardAudit,
    BullBoard,
    FailureSeriesStore,
    FailureStories,
    HealthSeriesStore,
    LookUpAudit,
    RecoveryStatisticsStore,
    RunRecordStore,
    StatisticsRollUp,
    StatisticsStore,
    ToldStore,
  ],
  controllers: [
    AlertsController,
    AdminErrorsController,
    AuditController,
    DigestsController,
    RunsController,
    StatisticsController,
    TasksController,
    AdminUsersController,
  ],
})
export class AdminModule {}
