import { Injectable } from '@nestjs/common';
import { type ClientEventName, DURABLE_EVENT_TYPES, type DurableEventType } from '@clarion/protocol';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Reason } from '../errors';
import { MetricsRegistry } from '../telemetry';

/** How far connections are behind their mailboxes, in durable events. */
export interface Lag {
  readonly connections: number;
  readonly worst: number;
}

/** Why Socket.IO says that a connection ended, where we did not end it. */
const TRANSPORT_REASONS: Readonly<Record<string, string>> = {
  'client namespace disconnect': 'client_disconnect',
  'ping timeout': 'ping_timeout',
  'transport close': 'transport_close',
  'transport error': 'transport_error',
  'parse error': 'parse_error',
  'server namespace disconnect': 'server_disconnect',
  'forced close': 'server_disconnect',
  'forced server close': 'server_disconnect',
  'server shutting down': 'server_disconnect',
};

/** What happens on the sockets of this process. */
@Injectable()
export class GatewayMetrics {
  private readonly open: Gauge;
  private readonly handshakes: Histogram<'outcome'>;
  private readonly refusals: Counter<'reason'>;
  private readonly disconnects: Counter<'reason'>;
  private readonly acks: Histogram<'event' | 'outcome'>;
  private readonly worstLag: Gauge;
  private readonly lagging: Gauge;
  /** By plain numbers: an event is counted once for every device that gets it. */
  private readonly delivered = new Map<DurableEventType, number>(DURABLE_EVENT_TYPES.map((type) => [type, 0]));

  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.open = new Gauge({ name: 'clarion_connections', help: 'Connections that are open now.', registers });
    this.handshakes = new Histogram({
      name: 'clarion_handshake_duration_seconds',
      help: 'How long handshakes took, by outcome: admitted, refused.',
      labelNames: ['outcome'],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    });
    this.refusals = new Counter({
      name: 'clarion_handshake_failures_total',
      help: 'Connections that were refused, by reason of the catalogue.',
      labelNames: ['reason'],
      registers,
    });
    this.disconnects = new Counter({
      name: 'clarion_disconnects_total',
      help: 'Connections that ended, by reason of the catalogue where Clarion ended them, else by what the transport says.',
      labelNames: ['reason'],
      registers,
    });
    this.acks = new Histogram({
      name: 'clarion_ack_duration_seconds',
      help: 'How long clients waited for the answer to an event, by event and outcome: ok, failed.',
      labelNames: ['event', 'outcome'],
      buckets: [0.005, 0.01, 0.03, 0.1, 0.5, 2, 10],
      registers,
    });
    this.worstLag = new Gauge({
      name: 'clarion_mailbox_lag_events',
      help: 'Durable events that the connection furthest behind its mailbox has not been sent, looked at every 2 s.',
      registers,
    });
    this.lagging = new Gauge({
      name: 'clarion_mailbox_lagging_connections',
      help: 'Connections that have not been sent all of their mailbox, looked at every 2 s.',
      registers,
    });
    this.registerDelivered(registry);
  }

  connections(count: number): void {
    this.open.set(count);
  }

  admitted(seconds: number): void {
    this.handshakes.observe({ outcome: 'admitted' }, seconds);
  }

  refused(reason: Reason, seconds: number): void {
    this.handshakes.observe({ outcome: 'refused' }, seconds);
    this.refusals.inc({ reason });
  }

  /** @param transport what Socket.IO says, for a connection that was not ended by us */
  disconnected(ended: Reason | null, transport: string): void {
    this.disconnects.inc({ reason: ended ?? TRANSPORT_REASONS[transport] ?? 'other' });
  }

  /** @param event null for a name that the protocol does not know */
  answered(event: ClientEventName | null, outcome: 'ok' | 'failed', seconds: number): void {
    this.acks.observe({ event: event ?? 'unknown', outcome }, seconds);
  }

  eventSent(type: DurableEventType): void {
    this.delivered.set(type, (this.delivered.get(type) ?? 0) + 1);
  }

  lag({ connections, worst }: Lag): void {
    this.lagging.set(connections);
    this.worstLag.set(worst);
  }

  private registerDelivered(registry: MetricsRegistry): void {
    const { delivered } = this;
    new Counter({
      name: 'clarion_events_sent_total',
      help: 'Durable events sent to connections, by type; one for each connection that gets it.',
      labelNames: ['type'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [type, count] of delivered) this.inc({ type }, count);
      },
    });
  }
}
