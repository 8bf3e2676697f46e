import { Injectable } from '@nestjs/common';
import { FailureArchive } from './failure-archive';
import type { FailureRecord } from './failure-record';

/** Finds the story of a failure by its support code, in the database and in the spool. */
@Injectable()
export class FailureLookup {
  constructor(private readonly archive: FailureArchive) {}

  /**
   * @returns null when no failure has this code
   * @throws ComponentError of the database when it is down and the spool does not have it
   */
  find(supportCode: string): Promise<FailureRecord | null> {
    return this.archive.find(supportCode.trim().toUpperCase());
  }
}
