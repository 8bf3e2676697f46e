import { Injectable } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { MetricsRegistry } from '../telemetry';

/** What is done for users who are not there. */
@Injectable()
export class RecoveryMetrics {
  readonly waiting: Gauge;
  readonly rounds: Counter;
  readonly ended: Counter<'outcome'>;
  readonly fallback: Counter<'channel' | 'outcome'>;

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.waiting = new Gauge({
      name: 'clarion_recovery_users_waiting',
      help: 'Users with critical events that have reached no device, as of the last sweep.',
      registers,
    });
    this.rounds = new Counter({
      name: 'clarion_recovery_rounds_total',
      help: 'Looks for users who are not there.',
      registers,
    });
    this.ended = new Counter({
      name: 'clarion_recovery_ended_total',
      help: 'Recoveries that have ended: recovered, expired, abandoned.',
      labelNames: ['outcome'],
      registers,
    });
    this.fallback = new Counter({
      name: 'clarion_recovery_fallback_total',
      help: 'Tries to send a digest by channel and outcome: sent, retried, failed, dropped.',
      labelNames: ['channel', 'outcome'],
      registers,
    });
  }
}
