import type { ClientSocket } from './session';

interface BacklogLimits {
  /** What may wait when one packet more is to be sent. */
  readonly maxBytes: number;
  /** How long a client may take nothing of what `drained` waits for. */
  readonly stalledAfterMs: number;
}

/** Counts the bytes that a client has not taken yet, and says once when it takes them too slowly. */
export class Backlog {
  private queued = 0;
  private inFlight = 0;
  private tooSlow = false;

  /** @param exceeded called once, with the bytes that wait */
  constructor(
    private readonly conn: ClientSocket['conn'],
    private readonly limits: BacklogLimits,
    private readonly exceeded: (bytes: number) => void,
  ) {
    conn.on('packetCreate', this.onPacket).on('flush', this.onFlush);
  }

  /** Resolves when the transport was given everything and takes more, is closed, or was found to be stalled. */
  async drained(): Promise<void> {
    const { conn } = this;
    while (!this.tooSlow && conn.readyState === 'open' && (this.queued > 0 || !conn.transport.writable))
      await this.turn();
  }

  close(): void {
    this.tooSlow = true;
    this.conn.off('packetCreate', this.onPacket).off('flush', this.onFlush);
  }

  /** A transport that can take more says `ready`; Engine.IO's own `drain` comes earlier, or never. */
  private turn(): Promise<void> {
    const { conn } = this;
    const { transport } = conn;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        transport.off('ready', done);
        for (const event of ['upgrade', 'close']) conn.off(event, done);
        resolve();
      };
      const timer = setTimeout(() => {
        this.exceed();
        done();
      }, this.limits.stalledAfterMs);
      transport.on('ready', done);
      for (const event of ['upgrade', 'close']) conn.on(event, done);
    });
  }

  private readonly onPacket = ({ data }: { data?: string }): void => {
    // What a transport that takes more was given has been taken.
    if (this.conn.transport.writable) this.inFlight = 0;
    else if (this.queued + this.inFlight > this.limits.maxBytes) this.exceed();
    if (data !== undefined) this.queued += Buffer.byteLength(data);
  };

  private readonly onFlush = (): void => {
    this.inFlight = this.queued;
    this.queued = 0;
  };

  private exceed(): void {
    if (this.tooSlow) return;
    this.tooSlow = true;
    this.exceeded(this.queued + this.inFlight);
  }
}
