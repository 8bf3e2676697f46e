import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { PeriodicLoop } from '../errors';
import { Database } from '../persistence';
import { Connection } from './connection';
import { ConnectionGate } from './connection-gate.service';
import { ConnectionStores } from './connection-stores.service';
import { HealthSnapshot } from './health-snapshot';
import { RequestDispatcher } from './request-dispatcher.service';
import { endTransport, type Admission, type Beginning, type Caller, type ClientSocket } from './session';

const LEAST_RECONNECT_MS = 500;
const RECONNECT_SPREAD_MS = 2_000;
const COMPARE_EVERY_MS = 2_000;

/** The connections of this process: opens them, listens to them, lets them go. */
@Injectable()
export class Connections implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all = new Set<Connection>();
  private readonly comparing: PeriodicLoop;

  constructor(
    private readonly stores: ConnectionStores,
    private readonly gate: ConnectionGate,
    private readonly requests: RequestDispatcher,
    private readonly health: HealthSnapshot,
    private readonly database: Database,
  ) {
    this.comparing = new PeriodicLoop({
      name: 'connections.compare',
      everyMs: COMPARE_EVERY_MS,
      work: () => this.compareWithLog(),
      reporter: stores.reporter,
      component: 'WebSocketBridge',
    });
  }

  onApplicationBootstrap(): void {
    this.comparing.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.comparing.stop();
  }

  get count(): number {
    return this.all.size;
  }

  /** Those that are open now. */
  get live(): Iterable<Connection> {
    return this.all;
  }

  /** Takes over a socket that was admitted. */
  open(socket: ClientSocket): void {
    const { runs, page, ...admission } = takeAdmission(socket);
    const connection = new Connection(socket, admission, this.stores, () => void this.comparing.trigger());
    this.add(connection);
    const caller: Caller = {
      get principal() {
        return connection.principal;
      },
      options: admission.options,
      emitError: (envelope) => void socket.emit('error', envelope),
      acknowledge: (cursor) => connection.acknowledge(cursor),
      renew: (principal, token) => connection.renew(principal, token),
    };
    // Socket.IO lets a number through as a name.
    socket.onAny(
      (event: string | number, ...args: unknown[]) => void this.requests.receive(caller, String(event), args),
    );
    // A client may emit an event `error`: the dispatcher answers it; without a listener it would throw here.
    socket.on('error', () => undefined);
    socket.on('disconnect', (transport) => {
      this.remove(connection, transport);
      connection.close();
    });
    const { status, degraded_components } = this.health.status();
    void connection.open({ limits: this.gate.limits, health: status, degraded_components }, { runs, page });
  }

  /** Makes good what was lost on the way from a writer: the log says how far every client ought to be. */
  private async compareWithLog(): Promise<void> {
    if (this.all.size > 0 && this.database.ready) await this.compareAll();
    this.measureLag();
  }

  private async compareAll(): Promise<void> {
    const byUser = Map.groupBy(this.all, ({ userId }) => userId);
    const heads = await this.stores.log.heads([...byUser.keys()]);
    const states = new Map(heads.map((head) => [head.user_id, head]));
    for (const [userId, connections] of byUser) {
      for (const connection of connections) connection.compare(states.get(userId) ?? null);
    }
  }

  private add(connection: Connection): void {
    this.all.add(connection);
    this.stores.metrics.connections(this.all.size);
  }

  private remove(connection: Connection, transport: string): void {
    this.all.delete(connection);
    this.stores.metrics.connections(this.all.size);
    this.stores.metrics.disconnected(connection.endedBy, transport);
  }

  private measureLag(): void {
    const behind = [...this.all].map(({ lag }) => lag).filter((lag) => lag > 0);
    this.stores.metrics.lag({
      connections: behind.length,
      worst: behind.reduce((most, lag) => Math.max(most, lag), 0),
    });
  }

  /** Tells every client when to come back, and closes its transport: a plain client reconnects by itself. */
  drain(): void {
    this.gate.beginDraining();
    for (const connection of this.all) {
      const { socket } = connection;
      connection.endedBy = 'SERVER_DRAINING';
      const reconnect_after_ms = LEAST_RECONNECT_MS + Math.floor(Math.random() * RECONNECT_SPREAD_MS);
      socket.emit('server_draining', { reconnect_after_ms });
      endTransport(socket.conn);
    }
  }
}

function takeAdmission({ data }: ClientSocket): Admission & Beginning {
  const { admission } = data;
  if (admission === undefined) throw new Error('a socket reached `connection` without passing the middleware');
  delete data.admission;
  return admission;
}
