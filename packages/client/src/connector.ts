import type { HandshakeAuth } from '@clarion/protocol';
import { pause } from './backoff';
import type { Credentials } from './credentials';
import { ClarionError, localError, type Report } from './errors';
import { Link, type LinkOptions } from './link';
import type { ConnectionState } from './options';
import type { AttemptEnd, NextStep, ReconnectPolicy } from './reconnect-policy';

/** What a connector needs to make a connection, and whom it tells. */
export interface ConnectorPorts {
  readonly link: Pick<LinkOptions, 'url' | 'socket'>;
  readonly credentials: Credentials;
  readonly policy: ReconnectPolicy;
  /** What the handshake says beside the token; read before each attempt. */
  handshake(): Omit<HandshakeAuth, 'token' | 'protocol'>;
  received(link: Link, name: string, payload: unknown): void;
  changed(state: ConnectionState): void;
  readonly report: Report;
}

/** Keeps a connection: makes one, and after its end the next, until it is stopped or told that it is hopeless. */
export class Connector {
  private state: ConnectionState = { status: 'idle' };
  private link: Link | null = null;
  private waiting: AbortController | null = null;
  private running = false;
  private stopped = false;
  private refreshNext = false;
  /** The reason that the user was told for being disconnected; told once until it is over. */
  private told: string | null = null;

  constructor(private readonly ports: ConnectorPorts) {}

  get current(): ConnectionState {
    return this.state;
  }

  /** Starts connecting, or cuts a wait short; without effect while connecting or connected. */
  start(): void {
    this.waiting?.abort();
    if (!this.running && !this.stopped) void this.run();
  }

  /** Ends the current connection, to come back with its cursor and, with `refreshToken`, another token. */
  restart(refreshToken = false): void {
    this.refreshNext ||= refreshToken;
    this.link?.close();
  }

  /** For good. */
  stop(): void {
    this.stopped = true;
    this.waiting?.abort();
    this.link?.close();
    this.change({ status: 'closed' });
  }

  private async run(): Promise<void> {
    this.running = true;
    while (!this.stopped) {
      this.change({ status: 'connecting' });
      const next = this.ports.policy.after(await this.attempt());
      if (this.stopped) break;
      this.reportOnce(next);
      if (next.kind === 'stop') {
        this.running = false;
        return this.change({ status: 'refused', error: next.error });
      }
      this.refreshNext ||= next.refreshToken;
      await this.wait(next);
    }
    this.running = false;
  }

  /** One connection from its token to its end. */
  private async attempt(): Promise<AttemptEnd> {
    const refresh = this.refreshNext;
    this.refreshNext = false;
    try {
      const token = await this.ports.credentials.get(refresh);
      if (this.stopped) return { kind: 'no_token', error: localError('CLIENT_CLOSED').body };
      return await this.connect(token);
    } catch (error) {
      if (error instanceof ClarionError) return { kind: 'no_token', error: error.body };
      return { kind: 'unreachable', cause: error };
    } finally {
      this.link = null;
    }
  }

  private connect(token: string): Promise<AttemptEnd> {
    return new Promise((resolve) => {
      const auth = { ...this.ports.handshake(), token };
      const link = new Link(
        { ...this.ports.link, auth },
        {
          received: (name, payload) => this.receive(link, name, payload),
          ended: resolve,
        },
      );
      this.link = link;
    });
  }

  private receive(link: Link, name: string, payload: unknown): void {
    if (name === 'replay_complete') {
      this.told = null;
      this.ports.policy.succeeded();
    }
    this.ports.received(link, name, payload);
    if (name === 'connection_established' && link.connection) {
      this.change({ status: 'connected', connection: link.connection });
    }
  }

  private async wait({ delayMs, error }: Extract<NextStep, { kind: 'again' }>): Promise<void> {
    this.waiting = new AbortController();
    this.change({ status: 'waiting', retryInMs: delayMs, error });
    await pause(delayMs, this.waiting.signal);
    this.waiting = null;
  }

  private reportOnce(next: NextStep): void {
    const { error } = next;
    const expected = next.kind === 'again' && next.refreshToken;
    if (error === null || error.reason === this.told || expected) return;
    this.told = error.reason;
    this.ports.report(new ClarionError(error));
  }

  private change(state: ConnectionState): void {
    if (this.state.status === 'closed') return;
    this.state = state;
    this.ports.changed(state);
  }
}
