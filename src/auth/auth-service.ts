import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type ComponentError, FailureReporter, PeriodicLoop } from '../errors';
import { Repairs, type Unreliable } from '../telemetry';
import { RemoteAuth } from './remote/remote-auth';

const EVERY_MS = 2_000;

/** How the service behind the verifier is, seen by a look every two seconds: it is found again without anybody signing in. */
@Injectable()
export class AuthService implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly loop: PeriodicLoop;

  constructor(
    private readonly remote: RemoteAuth,
    reporter: FailureReporter,
    private readonly repairs: Repairs,
  ) {
    const work = () => this.probe();
    this.loop = new PeriodicLoop({
      name: 'auth.probe',
      everyMs: EVERY_MS,
      work,
      reporter,
      component: 'Authentication',
    });
  }

  /** Why tokens cannot be verified as they should be; null while they can, and where no service is needed for it. */
  get outage(): ComponentError | null {
    return this.remote.sources.find(({ outage }) => outage !== null)?.outage ?? null;
  }

  /** That the service works now, but failed too many of those who asked it lately. */
  get trouble(): Unreliable<ComponentError> | null {
    return this.remote.sources.find(({ trouble }) => trouble !== null)?.trouble ?? null;
  }

  onApplicationBootstrap(): void {
    if (this.remote.sources.length === 0) return;
    this.loop.start();
    void this.loop.trigger();
  }

  onModuleDestroy(): Promise<void> {
    return this.loop.stop();
  }

  /** While it is away every probe discovers it anew: nothing of what was known of it is believed. */
  private async probe(): Promise<void> {
    const away = this.outage !== null;
    const probes = await Promise.allSettled(this.remote.sources.map((source) => source.probe()));
    const failed = probes.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (away) this.repairs.attempted('auth', 'rediscover', failed === undefined);
    if (failed) throw failed.reason;
  }
}
