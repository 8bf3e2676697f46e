import { createTransport } from 'nodemailer';
import type { AppConfig } from '../config';
import { type SendFailure, sendFailure, type Sent } from './outcome';

export interface OutboundMessage {
  /** One address. */
  readonly to: string;
  readonly subject: string;
  /** Plain text. */
  readonly text: string;
  /** The same for every try at the same message; it becomes the Message-ID. */
  readonly id: string;
}

export type MailOutcome = Sent | SendFailure;

interface Transport {
  sendMail(mail: object): Promise<unknown>;
}

/** E-mail by the SMTP server of SMTP_URL, which the operator names and which may be on any network; one connection a message. */
export class OutboundMail {
  private readonly transport: Transport | null;

  constructor(private readonly settings: AppConfig['outbound']) {
    const { smtpUrl: url, timeoutMs } = settings;
    const timeouts = { dnsTimeout: timeoutMs, connectionTimeout: timeoutMs, greetingTimeout: timeoutMs };
    const options = { url, ...timeouts, socketTimeout: timeoutMs, disableFileAccess: true, disableUrlAccess: true };
    this.transport = url === undefined ? null : createTransport(options);
  }

  get configured(): boolean {
    return this.transport !== null;
  }

  /** Sent: the server has taken responsibility for it. Never rejects. */
  async send({ to, subject, text, id }: OutboundMessage): Promise<MailOutcome> {
    const { smtpFrom: from = '', timeoutMs } = this.settings;
    if (this.transport === null) return sendFailure('unreachable', false, { detail: 'SMTP_URL is not set' });
    const signal = AbortSignal.timeout(timeoutMs);
    const domain = /@([^\s@>]+)/.exec(from)?.[1] ?? 'clarion';
    const mail = { from, to: { name: '', address: to }, subject, text, messageId: `<${id}@${domain}>`, signal };
    try {
      await this.transport.sendMail(mail);
      return { sent: true };
    } catch (error) {
      return failureOf(error, signal);
    }
  }
}

/** A reply of the server decides; without one it is a matter of the connection, but for what was refused before it. */
function failureOf(error: unknown, signal: AbortSignal): SendFailure {
  if (signal.aborted) return sendFailure('timed_out', true);
  const { code, responseCode, permanent, response } = error as {
    code?: string;
    responseCode?: number;
    permanent?: boolean;
    response?: string;
  };
  if (responseCode !== undefined)
    return sendFailure('rejected', permanent !== true, { status: responseCode, detail: response });
  if (code === 'ETIMEDOUT') return sendFailure('timed_out', true);
  if (code === 'EENVELOPE' || code === 'ENOAUTH') return sendFailure('rejected', false, { detail: code });
  return sendFailure('unreachable', true, { detail: code ?? String(error) });
}
