import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between a client and a server of ours, and breaks what passes through. */
export class TcpProxy {
  private readonly pairs = new Set<[Socket, Socket]>();
  private mode: 'pass' | 'refuse' | 'hang' | 'hang new' = 'pass';
  private onHanging: (client: Socket) => void = () => undefined;
  private readonly server: Server;

  private constructor(private readonly target: { host: string; port: number }) {
    this.server = createServer((client) => this.accept(client)).on('error', () => this.cut());
  }

  /** A proxy before the server of `url`, on a free port of 127.0.0.1. */
  static async before(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new TcpProxy({ host: hostname, port: Number(port) });
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The same URL through the proxy. */
  through(url: string): string {
    const proxied = new URL(url);
    proxied.hostname = '127.0.0.1';
    proxied.port = String(this.port);
    return proxied.href;
  }

  /** Ends every connection, and new ones as soon as they come: what a stopped server looks like behind a load balancer. */
  refuse(): void {
    this.mode = 'refuse';
    this.cut();
  }

  /** Keeps connections open, and lets nothing through: what a frozen server looks like. */
  hang(): void {
    this.mode = 'hang';
    for (const [client, upstream] of this.pairs) {
      client.pause();
      upstream.pause();
    }
  }

  /** New connections hang, those that are open go on. Resolves with the first that hangs. */
  hangNew(): Promise<Socket> {
    this.mode = 'hang new';
    return new Promise((resolve) => (this.onHanging = resolve));
  }

  /** Works again. Connections that hung are ended. */
  heal(): void {
    if (this.mode === 'hang') this.cut();
    this.mode = 'pass';
  }

  /** Ends the connections that are open now. */
  cut(): void {
    for (const [client, upstream] of this.pairs) {
      client.destroy();
      upstream.destroy();
    }
    this.pairs.clear();
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    client.on('error', () => client.destroy());
    if (this.mode === 'refuse') {
      client.destroy();
      return;
    }
    if (this.mode === 'hang new') return this.onHanging(client.resume());
    const upstream = connect(this.target.port, this.target.host);
    upstream.on('error', () => client.destroy());
    const pair: [Socket, Socket] = [client, upstream];
    this.pairs.add(pair);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => {
      client.destroy();
      this.pairs.delete(pair);
    });
    client.pipe(upstream).pipe(client);
    if (this.mode === 'hang') {
      client.pause();
      upstream.pause();
    }
  }
}
