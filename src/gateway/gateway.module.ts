import { Module } from '@nestjs/common';
import { ChatGateway } from './chat.gateway';
import { ClientRequests } from './client-requests.service';
import { ConnectionGate } from './connection-gate.service';
import { ConnectionStores } from './connection-stores.service';
import { Connections } from './connections.service';
import { HandshakeService, MailboxReader } from './handshake.service';
import { RequestDispatcher } from './request-dispatcher.service';

/** The Socket.IO edge. */
@Module({
  providers: [
    ChatGateway,
    ClientRequests,
    ConnectionGate,
    ConnectionStores,
    Connections,
    HandshakeService,
    MailboxReader,
    RequestDispatcher,
  ],
  exports: [Connections],
})
export class GatewayModule {}
