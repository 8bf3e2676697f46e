import { Injectable } from '@nestjs/common';
import { BackgroundTask } from '../../errors';
import { Revocations } from './revocations.service';

/** Forgets revocations whose tokens have ended: in the database, and in the memory of every process. */
@Injectable()
export class RevocationPruning extends BackgroundTask {
  override readonly name = 'auth.prune';
  override readonly schedule = { everyMs: 600_000, scope: 'process' } as const;

  constructor(private readonly revocations: Revocations) {
    super();
  }

  override run(): Promise<void> {
    return this.revocations.prune();
  }
}
