import type { INestApplication } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AdminAccess, adminMiddleware } from '../session';
import { BoardAudit } from './board-audit.service';
import { BOARD_PATH, BullBoard } from './bull-board.service';

/** Puts Bull Board at BOARD_PATH, for admins only; what they change is audited. To be called before the application listens. */
export function mountBullBoard(app: INestApplication): void {
  const board = app.get(BullBoard, { strict: false });
  const audit = app.get(BoardAudit, { strict: false });
  const access = app.get(AdminAccess, { strict: false });
  (app as NestExpressApplication).use(BOARD_PATH, adminMiddleware(access), audit.handle, board.handle);
}
