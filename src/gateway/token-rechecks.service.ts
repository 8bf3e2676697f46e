import { Injectable } from '@nestjs/common';
import { TokenVerifier } from '../auth';
import { AppConfig } from '../config';
import { ComponentError, FailureReporter } from '../errors';
import type { Connection } from './connection';

/** Questions under way: the auth service has others to answer. */
const AT_ONCE = 20;
/** The part of the period by which each wait is shortened or lengthened, so that those who came together are not asked about together. */
const JITTER = 0.2;

/** Asks again about tokens of live connections that only the auth service can say are still good. */
@Injectable()
export class TokenRechecks {
  private readonly dueAt = new WeakMap<Connection, number>();
  private asking = 0;

  constructor(
    private readonly verifier: TokenVerifier,
    private readonly config: AppConfig,
    private readonly reporter: FailureReporter,
  ) {}

  /** Asks about those that are due; to be called once a second. Whose token is good no more has to stay away. */
  look(connections: Iterable<Connection>, now = Date.now()): void {
    for (const connection of connections) {
      if (this.asking >= AT_ONCE) return;
      if (this.isDue(connection, now)) void this.recheck(connection, now);
    }
  }

  private isDue(connection: Connection, now: number): boolean {
    if (!this.verifier.changesItsMind(connection.token)) return false;
    const dueAt = this.dueAt.get(connection);
    if (dueAt === undefined) this.postpone(connection, now);
    return dueAt !== undefined && dueAt <= now;
  }

  private postpone(connection: Connection, now: number): void {
    const spread = 1 + JITTER * (2 * Math.random() - 1);
    this.dueAt.set(connection, now + this.config.auth.recheckMs * spread);
  }

  /** Never rejects. While the service does not answer live connections stay; that it does not is told by whoever watches it. */
  private async recheck(connection: Connection, now: number): Promise<void> {
    this.postpone(connection, now);
    this.asking += 1;
    const { token } = connection;
    const [outcome] = await Promise.allSettled([this.verifier.verify(token)]);
    this.asking -= 1;
    if (outcome.status === 'fulfilled' || token !== connection.token) return;
    const error: unknown = outcome.reason;
    if (!(error instanceof ComponentError)) await this.reporter.report(error, { operation: 'sessions.recheck' });
    else if (error.reason.startsWith('AUTH_TOKEN_')) connection.endRevoked();
  }
}
