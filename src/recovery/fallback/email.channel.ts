import { Injectable } from '@nestjs/common';
import { type MailOutcome, OutboundMail } from '../../outbound';
import { type Digest, subjectOf, textOf } from './digest';
import type { FallbackChannel } from './fallback-channel';
import { digestTexts } from './texts';

/** A digest as an e-mail, to the address that the user's last token named. */
@Injectable()
export class EmailChannel implements FallbackChannel {
  readonly name = 'email';

  constructor(private readonly mail: OutboundMail) {}

  get configured(): boolean {
    return this.mail.configured;
  }

  send(digest: Digest): Promise<MailOutcome> {
    const texts = digestTexts(digest.locale);
    const { id, email } = digest;
    return this.mail.send({ id, to: email ?? '', subject: subjectOf(digest, texts), text: textOf(digest, texts) });
  }
}
