import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';

const EVERY_MS = 20;

/** How late the event loop has been so far, added up: what was taken from the time of whoever waited for it. */
@Injectable()
export class LoopLateness implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private total = 0;
  private due = Infinity;

  onApplicationBootstrap(): void {
    this.due = performance.now() + EVERY_MS;
    this.timer = setInterval(() => {
      this.total = this.ms;
      this.due = performance.now() + EVERY_MS;
    }, EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.due = Infinity;
  }

  get ms(): number {
    return this.total + Math.max(0, performance.now() - this.due);
  }
}
