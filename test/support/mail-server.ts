import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface ReceivedMail {
  readonly from: string;
  readonly to: readonly string[];
  /** Headers and body as they came. */
  readonly raw: string;
}

/** A reply that refuses: 4xx for now, 5xx for good. */
interface Refusal {
  readonly code: number;
  readonly at: 'recipient' | 'data';
}

/** A real SMTP server that remembers what it took; `next` refuses, one message each. */
export class MailServer {
  readonly received: ReceivedMail[] = [];
  readonly next: Refusal[] = [];
  private readonly server: SMTPServer;

  private constructor() {
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: (_address, _session, done) => done(this.refusal('recipient')),
      onData: (stream, { envelope }, done) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          const refusal = this.refusal('data');
          if (refusal !== null) return done(refusal);
          const from = envelope.mailFrom === false ? '' : (envelope.mailFrom?.address ?? '');
          const to = envelope.rcptTo.map(({ address }) => address);
          this.received.push({ from, to, raw: Buffer.concat(chunks).toString('utf8') });
          done();
        });
      },
    });
    this.server.on('error', () => undefined);
  }

  static async start(): Promise<MailServer> {
    const mail = new MailServer();
    await once(mail.server.listen(0, '127.0.0.1'), 'listening');
    return mail;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.server.server.address() as AddressInfo).port}`;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private refusal(at: Refusal['at']): Error | null {
    if (this.next[0]?.at !== at) return null;
    const { code } = this.next.shift()!;
    return Object.assign(new Error('refused by the test'), { responseCode: code });
  }
}
