import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { Injectable } from '@nestjs/common';
import type { RequestHandler } from 'express';
import { ComponentError } from '../../errors';
import { Database } from '../../persistence';
import { type BoardQueue, QueueDirectory } from '../queue-directory';
import { boardFailure } from './board-failure';

/** Where the board is; its pages hold absolute links. */
export const BOARD_PATH = '/admin/queues';

/** Bull Board over the queues that are open now. */
@Injectable()
export class BullBoard {
  private readonly adapter = new ExpressAdapter().setBasePath(BOARD_PATH);
  private readonly board: ReturnType<typeof createBullBoard>;
  private shown: readonly BoardQueue[] = [];

  constructor(
    private readonly queues: QueueDirectory,
    private readonly database: Database,
  ) {
    const options = { uiConfig: { boardTitle: 'Clarion', hideRedisDetails: true } };
    this.board = createBullBoard({ queues: [], serverAdapter: this.adapter, options });
    // Bull Board would answer with the bare message: what it throws is a failure like any other, for the HTTP filter.
    this.adapter.setErrorHandler((error) => {
      throw boardFailure(error);
    });
  }

  /** Answers below BOARD_PATH; refuses at once while there is nothing to show. */
  readonly handle: RequestHandler = (request, response, next) => {
    const refusal = this.refusal();
    if (refusal !== null) return next(refusal);
    this.refresh();
    (this.adapter.getRouter() as RequestHandler)(request, response, next);
  };

  private refusal(): ComponentError | null {
    if (!this.database.ready) return ComponentError.database('DATABASE_UNAVAILABLE');
    return this.queues.all().length === 0 ? ComponentError.redis('QUEUE_UNAVAILABLE') : null;
  }

  /** Queues that were opened again are other objects. */
  private refresh(): void {
    const open = this.queues.all();
    if (open.length === this.shown.length && open.every((queue, index) => queue === this.shown[index])) return;
    this.board.replaceQueues(open.map((queue) => new BullMQAdapter(queue)));
    this.shown = open;
  }
}
