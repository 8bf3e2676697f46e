import type { ChainableCommander } from 'ioredis';

/** Carries out a pipeline. @throws the first error that one of its commands was answered by */
export async function executePipeline(pipeline: ChainableCommander): Promise<void> {
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}
