import { once } from 'node:events';
import { createServer, Socket, type AddressInfo, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A connection through the proxy. `passing` is what every chunk waits for before it goes on. */
interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Which server it goes to is decided. */
  routed: boolean;
  passing: () => Promise<void>;
}

const AT_ONCE = async (): Promise<void> => undefined;

/** Beside the path in the first line of a request. */
const AFFINITY = /^[^\r]*[?&]affinity=(\d+)/;

/**
 * Stands before one or more servers, whose turn comes with every connection, and does to some of the connections through it what networks do;
 * or to all of them, and to those that are yet to come, what befalls a server.
 */
export class FaultyProxy {
  private readonly links = new Set<Link>();
  private readonly silenced = new Set<Socket>();
  private readonly server: Server;
  private listensOn = 0;
  /** What every chunk of a new connection waits for. */
  private passing = AT_ONCE;
  private turn = 0;
  /** Said to clients in place of the server's answers; null: the server speaks. */
  private words: string | null = null;
  private thaw = (): void => undefined;

  private constructor(
    private targets: readonly number[],
    private readonly sticky: boolean,
  ) {
    this.server = createServer((client) => void this.accept(client));
  }

  /** @param options `sticky`: requests with the same number as `affinity` in their query reach the same server, as long-polling needs it */
  static async before(ports: readonly number[], options: { sticky?: boolean } = {}): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(ports, options.sticky ?? false);
    await proxy.listen();
    return proxy;
  }

  get port(): number {
    return this.listensOn;
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

  /** The server is gone: connections end, new ones are refused. Ends with `heal`, as all that follows. */
  shut(): void {
    this.server.close();
    this.cut(() => true);
  }

  /** Everything takes `latencyMs` longer. */
  slowDown(latencyMs: number): void {
    this.everything(() => delay(latencyMs));
  }

  /** Connections are taken and kept, and nothing passes. */
  hang(): void {
    const thawed = Promise.withResolvers<void>();
    this.thaw = thawed.resolve;
    this.everything(() => thawed.promise);
  }

  /** Whatever a client says is answered by these words, and reaches nobody. */
  babble(words: string): void {
    this.words = words;
  }

  /** As if nothing had been. What hung passes on; who was told nonsense is cut off. */
  async heal(): Promise<void> {
    this.everything(AT_ONCE);
    this.thaw();
    if (this.words !== null) this.cut(() => true);
    this.words = null;
    if (!this.server.listening) await this.listen();
  }

  async close(): Promise<void> {
    this.cut(() => true);
    for (const socket of this.silenced) socket.destroy();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private async listen(): Promise<void> {
    this.server.listen(this.listensOn, '127.0.0.1');
    await once(this.server, 'listening');
    this.listensOn = (this.server.address() as AddressInfo).port;
  }

  private everything(passing: () => Promise<void>): void {
    this.passing = passing;
    for (const link of this.links) link.passing = passing;
  }

  private chosen(chosen: () => boolean): Link[] {
    return [...this.links].filter(chosen);
  }

  private async accept(client: Socket): Promise<void> {
    const upstream = new Socket().setNoDelay(true);
    client.setNoDelay(true);
    const link: Link = { client, upstream, routed: false, passing: this.passing };
    this.links.add(link);
    if (!this.sticky) this.route(link);
    await Promise.all([this.carry(link, client, upstream), this.carry(link, upstream, client)]);
    this.links.delete(link);
  }

  private route(link: Link, request = ''): void {
    link.routed = true;
    const affinity = AFFINITY.exec(request)?.[1] ?? this.turn++;
    const port = this.targets[Number(affinity) % this.targets.length] ?? 0;
    link.upstream.connect({ port, host: '127.0.0.1' });
  }

  /** Passes on what comes, in order; the end of one side is the end of both, unless it is kept from the other. */
  private async carry(link: Link, from: Socket, to: Socket): Promise<void> {
    from.on('error', () => from.destroy());
    const [end] = await Promise.allSettled([
      (async () => {
        for await (const chunk of from) {
          if (!link.routed) this.route(link, String(chunk));
          await link.passing();
          if (this.words !== null && from === link.client) {
            from.write(this.words);
            continue;
          }
          if (this.silenced.has(from) || to.destroyed || to.write(chunk as Buffer)) continue;
          await Promise.race([once(to, 'drain'), once(to, 'close')]);
        }
      })(),
    ]);
    if (!this.silenced.has(to) && !to.destroyed) {
      if (end.status === 'fulfilled' && link.routed) to.end();
      else to.destroy();
    }
    this.silenced.delete(from);
  }
}
