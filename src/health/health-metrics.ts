import type { ComponentStatus } from '@clarion/protocol';
import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { MetricsRegistry } from '../telemetry';
import { HealthReport } from './health-report.service';

const STATUSES: readonly ComponentStatus[] = ['healthy', 'degraded', 'failed', 'not_configured'];

/** How each component is, as the last background check found it. */
@Injectable()
export class HealthMetrics {
  constructor(registry: MetricsRegistry, health: HealthReport) {
    new Gauge({
      name: 'clarion_component_health',
      help: 'How each component is: 1 for its status (healthy, degraded, failed, not_configured), 0 for the others.',
      labelNames: ['component', 'status'],
      registers: [registry],
      collect() {
        for (const [component, detail] of Object.entries(health.details()))
          for (const status of STATUSES) this.set({ component, status }, detail.status === status ? 1 : 0);
      },
    });
  }
}
