import { COMPONENT_NAMES, type ComponentDetail, type ComponentName } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config';
import { HealthReport, STARTUP_COMPONENTS } from './health-report.service';
import { DrainState } from './drain-state';

/** One line of a probe's answer. */
export interface Check {
  readonly name: string;
  readonly detail: ComponentDetail;
}

/** What a new connection needs (PROTOCOL.md section 7). */
const READY_COMPONENTS: readonly ComponentName[] = ['environment', 'database', 'auth', 'factory', 'handler', 'bridge'];
/** What a run needs, in a process that serves no clients. */
const WORKER_READY_COMPONENTS: readonly ComponentName[] = ['environment', 'database', 'supervisor'];

/** Which checks each probe consists of. Everything is answered from memory. */
@Injectable()
export class Probes {
  constructor(
    private readonly health: HealthReport,
    private readonly drain: DrainState,
    private readonly config: AppConfig,
  ) {}

  all(admin: boolean): Check[] {
    return this.components(COMPONENT_NAMES, admin);
  }

  ready(admin: boolean, excluded: readonly string[]): Check[] {
    const checks = [
      state('startup', this.health.started, 'Clarion is starting'),
      state('shutdown', !this.drain.draining, 'Clarion is shutting down'),
      ...this.components(this.config.server.servesClients ? READY_COMPONENTS : WORKER_READY_COMPONENTS, admin),
    ];
    return checks.filter(({ name }) => !excluded.includes(name));
  }

  /** Stays well once the start is over, whatever happens later. */
  startup(admin: boolean): Check[] {
    if (this.health.started) return STARTUP_COMPONENTS.map((name) => state(name, true, ''));
    return this.components(STARTUP_COMPONENTS, admin);
  }

  private components(names: readonly ComponentName[], admin: boolean): Check[] {
    return names.map((name) => ({ name, detail: this.health.component(name, admin) }));
  }
}

function state(name: string, well: boolean, suggestion: string): Check {
  const status = well ? 'healthy' : 'failed';
  return { name, detail: well ? { status } : { status, suggestion } };
}
