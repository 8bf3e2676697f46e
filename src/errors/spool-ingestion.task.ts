import { Injectable } from '@nestjs/common';
import { BackgroundTask } from './background-task';
import { FailureArchive } from './failure-archive';
import { RecordingFailureReporter } from './recording-failure.reporter';

/** Moves this process's spool into the database, and closes the aggregates whose minute is over. */
@Injectable()
export class SpoolIngestion extends BackgroundTask {
  override readonly name = 'failures.ingest';
  override readonly schedule = { everyMs: 2_000, scope: 'process' } as const;

  constructor(
    private readonly archive: FailureArchive,
    private readonly reporter: RecordingFailureReporter,
  ) {
    super();
  }

  override async run(): Promise<void> {
    await this.reporter.closeAggregates();
    await this.archive.ingest();
  }
}
