import { Injectable } from '@nestjs/common';

/** The status words of the components at one moment. */
export interface HealthWords {
  readonly status: string;
  /** Names of components. */
  readonly failed: readonly string[];
  readonly degraded: readonly string[];
}

/** What health is like, to be kept with each failure record: asked of whoever measures it, from memory and at once. */
@Injectable()
export class HealthNow {
  private source: (() => HealthWords) | null = null;

  /** `source` must not throw. */
  attach(source: () => HealthWords): void {
    this.source = source;
  }

  /** Null while nobody measures health. */
  words(): HealthWords | null {
    return this.source?.() ?? null;
  }
}
