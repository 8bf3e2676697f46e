export { AdminModule } from './admin.module';
export { mountBullBoard } from './board/mount-bull-board';
export { type BoardQueue, QueueDirectory } from './queue-directory';
