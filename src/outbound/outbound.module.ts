import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../config';
import { OutboundHttp } from './http.service';
import { OutboundMail } from './mail.service';

/** What leaves the house: HTTP requests and e-mail. Transport alone; who sends what, how often, and what becomes of failures is for features. */
@Global()
@Module({
  providers: [
    { provide: OutboundHttp, useFactory: ({ outbound }: AppConfig) => new OutboundHttp(outbound), inject: [AppConfig] },
    { provide: OutboundMail, useFactory: ({ outbound }: AppConfig) => new OutboundMail(outbound), inject: [AppConfig] },
  ],
  exports: [OutboundHttp, OutboundMail],
})
export class OutboundModule {}
