import { Module } from '@nestjs/common';
import { BridgeIndicator } from './bridge.indicator';
import { ChatGateway } from './chat.gateway';
import { ClientRequests } from './client-requests.service';
import { ConnectionGate } from './connection-gate.service';
import { ConnectionStores } from './connection-stores.service';
import { Connections } from './connections.service';
import { FactoryIndicator } from './factory.indicator';
import { HandlerIndicator } from './handler.indicator';
import { HandshakeService, MailboxReader } from './handshake.service';
import { RequestDispatcher } from './request-dispatcher.service';

/** The Socket.IO edge. */
@Module({
  providers: [
    BridgeIndicator,
    ChatGateway,
    ClientRequests,
    ConnectionGate,
    ConnectionStores,
    Connections,
    FactoryIndicator,
    HandlerIndicator,
    HandshakeService,
    MailboxReader,
    RequestDispatcher,
  ],
  exports: [Connections],
})
export class GatewayModule {}
