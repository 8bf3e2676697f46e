import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents';
import { AppConfig } from '../config';
import { FailureReporter } from '../errors';
import { RedisConnections } from '../redis';
import { BridgeIndicator } from './bridge.indicator';
import { ChatGateway } from './chat.gateway';
import { ClientRequests } from './client-requests.service';
import { ConnectionGate } from './connection-gate.service';
import { ConnectionStores } from './connection-stores.service';
import { Connections } from './connections.service';
import { FactoryIndicator } from './factory.indicator';
import { GatewayMetrics } from './gateway-metrics';
import { HandlerIndicator } from './handler.indicator';
import { HandshakeService } from './handshake.service';
import { InProcessLimits, RedisLimits, UserLimits } from './limits';
import { MailboxReader } from './mailbox-reader.service';
import { RequestDispatcher } from './request-dispatcher.service';
import { RunRequests } from './run-requests.service';
import { SessionWatch } from './session-watch.service';
import { StalledRuns } from './stalled-runs.service';
import { ThreadRequests } from './thread-requests.service';
import { TokenRechecks } from './token-rechecks.service';

/** The Socket.IO edge. */
@Module({
  imports: [AgentsModule],
  providers: [
    BridgeIndicator,
    ChatGateway,
    ClientRequests,
    ConnectionGate,
    ConnectionStores,
    Connections,
    FactoryIndicator,
    GatewayMetrics,
    HandlerIndicator,
    HandshakeService,
    MailboxReader,
    RequestDispatcher,
    RunRequests,
    SessionWatch,
    StalledRuns,
    ThreadRequests,
    TokenRechecks,
    {
      provide: UserLimits,
      useFactory: ({ gateway }: AppConfig, redis: RedisConnections, reporter: FailureReporter): UserLimits => {
        const local = new InProcessLimits(gateway);
        return redis.configured ? new RedisLimits(local, redis, reporter, gateway) : local;
      },
      inject: [AppConfig, RedisConnections, FailureReporter],
    },
  ],
  exports: [Connections],
})
export class GatewayModule {}
