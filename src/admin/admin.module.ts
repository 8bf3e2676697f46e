import { Module } from '@nestjs/common';
import { AdminErrorsController } from './api/errors.controller';
import { StatisticsController } from './api/statistics.controller';
import { BullBoard } from './board/bull-board.service';
import { AdminSessionModule } from './session';
import { StatisticsStore } from './statistics.store';

/** What admins see: failures, numbers, queues. Needs a `QueueDirectory`; `mountBullBoard` puts the board into the application. */
@Module({
  imports: [AdminSessionModule],
  providers: [BullBoard, StatisticsStore],
  controllers: [AdminErrorsController, StatisticsController],
})
export class AdminModule {}
