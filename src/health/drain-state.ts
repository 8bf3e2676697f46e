import { Injectable } from '@nestjs/common';

/** Whether this process is on its way out. From `begin()` on it is not ready, so that no load balancer sends new connections. */
@Injectable()
export class DrainState {
  private begun = false;

  get draining(): boolean {
    return this.begun;
  }

  begin(): void {
    this.begun = true;
  }
}
