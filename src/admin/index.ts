export { AdminModule } from './admin.module';
export { mountBullBoard } from './board/mount-bull-board';
export type { FailureStory } from './lookup/failure-story';
export type { RunRecord } from './lookup/run-record';
export { type BoardQueue, QueueDirectory } from './queue-directory';
