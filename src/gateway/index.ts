export { Connections } from './connections.service';
export { GatewayModule } from './gateway.module';
export { HealthSnapshot } from './health-snapshot';
export { SocketIoAdapter } from './socket-io.adapter';
