import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A connection through the proxy. `passing` is what every chunk waits for before it goes on. */
interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  passing: () => Promise<void>;
}

const AT_ONCE = async (): Promise<void> => undefined;

/** Stands before one or more servers, whose turn comes with every connection, and does to some of the connections through it what networks do. */
export class FaultyProxy {
  private readonly links = new Set<Link>();
  private readonly silenced = new Set<Socket>();
  private readonly server: Server;

  private constructor(private targets: readonly number[]) {
    this.server = createServer((client) => void this.accept(client));
  }

  static async before(ports: readonly number[]): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(ports);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** New connections go there; those that exist are ended. */
  retarget(ports: readonly number[]): void {
    this.targets = ports;
    this.cut(() => true);
  }

  /** Both ends hear of it at once. */
  cut(chosen: () => boolean): void {
    for (const link of this.chosen(chosen)) {
      link.client.resetAndDestroy();
      link.upstream.resetAndDestroy();
    }
  }

  /** Everything takes `latencyMs` longer, in order. @returns what ends it */
  slow(chosen: () => boolean, latencyMs: number): () => void {
    const links = this.chosen(chosen);
    for (const link of links) link.passing = () => delay(latencyMs);
    return () => links.forEach((link) => (link.passing = AT_ONCE));
  }

  /** Nothing passes, nothing is lost. @returns what ends it */
  freeze(chosen: () => boolean): () => void {
    const links = this.chosen(chosen);
    const thawed = Promise.withResolvers<void>();
    for (const link of links) link.passing = () => thawed.promise;
    return () => {
      links.forEach((link) => (link.passing = AT_ONCE));
      thawed.resolve();
    };
  }

  /** One end is gone and the other is never told: what it sends vanishes. @returns what ends the forsaken ends */
  halfOpen(chosen: () => boolean, gone: 'client' | 'server'): () => void {
    const forsaken = this.chosen(chosen).map((link) => {
      const [dead, alive] = gone === 'client' ? [link.client, link.upstream] : [link.upstream, link.client];
      this.silenced.add(alive);
      this.links.delete(link);
      dead.resetAndDestroy();
      return alive;
    });
    return () => forsaken.forEach((socket) => socket.destroy());
  }

  async close(): Promise<void> {
    this.cut(() => true);
    for (const socket of this.silenced) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private chosen(chosen: () => boolean): Link[] {
    return [...this.links].filter(chosen);
  }

  private async accept(client: Socket): Promise<void> {
    const [target = 0, ...others] = this.targets;
    this.targets = [...others, target];
    const upstream = connect({ port: target, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    const link: Link = { client, upstream, passing: AT_ONCE };
    this.links.add(link);
    await Promise.all([this.carry(link, client, upstream), this.carry(link, upstream, client)]);
    this.links.delete(link);
  }

  /** Passes on what comes, in order; the end of one side is the end of both, unless it is kept from the other. */
  private async carry(link: Link, from: Socket, to: Socket): Promise<void> {
    from.on('error', () => from.destroy());
    const [end] = await Promise.allSettled([
      (async () => {
        for await (const chunk of from) {
          await link.passing();
          if (this.silenced.has(from) || to.destroyed || to.write(chunk as Buffer)) continue;
          await Promise.race([once(to, 'drain'), once(to, 'close')]);
        }
      })(),
    ]);
    if (!this.silenced.has(to) && !to.destroyed) {
      if (end.status === 'fulfilled') to.end();
      else to.destroy();
    }
    this.silenced.delete(from);
  }
}
