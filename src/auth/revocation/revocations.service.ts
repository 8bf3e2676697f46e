import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { AppConfig } from '../../config';
import { ComponentError, FailureReporter, PeriodicLoop } from '../../errors';
import { Database } from '../../persistence';
import type { Principal } from '../principal';
import { type Revocation, RevocationList } from './revocation';
import { RevocationStore } from './revocation.store';

const POLL_MS = 1_000;
const BEGINNING = new Date(0);

/** What was revoked, known to this process: at once where it was told itself, within a second or two where another was. */
@Injectable()
export class Revocations implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly list = new RevocationList();
  private readonly listeners: (() => void)[] = [];
  private readonly loop: PeriodicLoop;
  private readonly used: boolean;
  private loaded = false;
  private readUntil = BEGINNING;

  constructor(
    private readonly store: RevocationStore,
    private readonly database: Database,
    reporter: FailureReporter,
    { auth }: AppConfig,
  ) {
    this.used = auth.revocationSecrets.length > 0;
    const work = (): Promise<void> => this.poll();
    this.loop = new PeriodicLoop({
      name: 'auth.revocations',
      everyMs: POLL_MS,
      work,
      reporter,
      component: 'Authentication',
    });
  }

  onApplicationBootstrap(): void {
    if (!this.used) return;
    this.loop.start();
    // After an outage it may be another database, whose clock says something else.
    this.database.onReady(() => {
      this.readUntil = BEGINNING;
      void this.loop.trigger();
    });
  }

  async onModuleDestroy(): Promise<void> {
    await this.loop.stop();
  }

  /** Calls `listener` whenever more has been revoked. It must not throw. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Resolves when it is durable, and in force here. Repeated, it changes nothing. @throws ComponentError 1005 */
  async revoke(revocation: Revocation): Promise<void> {
    await this.store.add(revocation);
    this.learn([revocation]);
  }

  /** Whether a token has been revoked, as far as is known. */
  revokes(principal: Principal): boolean {
    return this.list.revokes(principal);
  }

  /** @throws ComponentError AUTH_TOKEN_REVOKED; DATABASE_UNAVAILABLE while the list has not been read yet */
  assertNotRevoked(principal: Principal): void {
    if (this.used && !this.loaded) throw ComponentError.database('DATABASE_UNAVAILABLE');
    if (this.revokes(principal)) throw ComponentError.authentication('AUTH_TOKEN_REVOKED');
  }

  /** Forgets what concerns no living token any more. @throws what the database throws */
  async prune(): Promise<void> {
    this.list.forgetEnded(new Date());
    if (this.database.ready) await this.store.prune();
  }

  private async poll(): Promise<void> {
    if (!this.database.ready) return;
    const changed = await this.store.changedSince(this.readUntil);
    this.readUntil = changed.at(-1)?.changed_at ?? this.readUntil;
    this.loaded = true;
    this.learn(changed);
  }

  private learn(revocations: readonly Revocation[]): void {
    const news = revocations.filter((revocation) => this.list.add(revocation));
    if (news.length > 0) for (const listener of this.listeners) listener();
  }
}
