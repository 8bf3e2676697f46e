import type { AppConfig } from '../../config';
import type { OutboundMail } from '../../outbound';
import { type AlertNotice, cut, factsOf, headline } from '../notice';
import type { AlertChannel, ChannelOutcome } from './channel';

const MAX_SUBJECT = 200;

/** E-mail to one address. */
export class EmailChannel implements AlertChannel {
  readonly name = 'email';
  readonly paceMs = 0;

  constructor(
    private readonly settings: AppConfig['alerts'],
    private readonly mail: OutboundMail,
  ) {}

  get target(): string | null {
    return this.settings.emailTo ?? null;
  }

  send(notice: AlertNotice, id: string, target: string | null): Promise<ChannelOutcome> {
    const title = headline(notice).replaceAll(/\s+/g, ' ');
    return this.mail.send({
      to: target ?? '',
      subject: cut(title, MAX_SUBJECT),
      text: `${title}\n\n${factsOf(notice)}\n`,
      id,
    });
  }
}
