import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AuthService, Revocations } from '../auth';
import { FailureReporter, PeriodicLoop } from '../errors';
import { Connections } from './connections.service';
import { TokenRechecks } from './token-rechecks.service';

const EVERY_MS = 1_000;

/** Ends connections whose token has ended or was revoked, and warns those whose token is about to: all by one clock. */
@Injectable()
export class SessionWatch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: PeriodicLoop;

  constructor(
    private readonly connections: Connections,
    private readonly auth: AuthService,
    private readonly revocations: Revocations,
    private readonly rechecks: TokenRechecks,
    reporter: FailureReporter,
  ) {
    const work = () => this.look();
    this.loop = new PeriodicLoop({ name: 'sessions.watch', everyMs: EVERY_MS, work, reporter, component: 'Factory' });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
    this.revocations.onChange(() => void this.loop.trigger());
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  private look(): void {
    const now = Date.now();
    const outage = this.auth.outage !== null;
    for (const connection of this.connections.live) {
      if (this.revocations.revokes(connection.principal)) connection.endRevoked();
      else connection.checkLifetime(now, outage);
    }
    this.rechecks.look(this.connections.live, now);
  }
}
