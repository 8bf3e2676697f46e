import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { AdminErrorsController } from './api/errors.controller';
import { StatisticsController } from './api/statistics.controller';
import { BullBoard } from './board/bull-board.service';
import { AdminUsersController } from './api/users.controller';
import { AdminSessionModule } from './session';
import { StatisticsStore } from './statistics.store';

/** What admins see: failures, numbers, queues. Needs a `QueueDirectory`; `mountBullBoard` puts the board into the application. */
@Module({
  imports: [AdminSessionModule, AgentsModule],
  providers: [BullBoard, StatisticsStore],
  controllers: [AdminErrorsController, StatisticsController, AdminUsersController],
})
export class AdminModule {}
