import type { Server as HttpServer } from 'node:http';
import type { INestApplicationContext } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { MAX_FRAME_BYTES } from '@clarion/protocol';
import type { Server, ServerOptions } from 'socket.io';
import type { AppConfig } from '../config';
import { batchUpgrade, batchWrites } from './batched-writes';
import { OriginPolicy } from './origin-policy';
import { tolerantParser } from './tolerant-parser';

/** How long an open transport may wait for its CONNECT packet. Then the handshake has its time, and refuses with a reason. */
const CONNECT_PACKET_WITHIN_MS = 5_000;

/** Socket.IO as PROTOCOL.md wants it: limits, heartbeat, CORS by the origin policy, and no connection state recovery. */
export class SocketIoAdapter extends IoAdapter {
  private readonly origins: OriginPolicy;

  constructor(
    app: INestApplicationContext,
    private readonly config: AppConfig,
  ) {
    super(app);
    this.origins = new OriginPolicy(config.gateway.allowedOrigins, config.gateway.allowLocalOrigins);
  }

  override createIOServer(port: number, options?: Partial<ServerOptions>): Server {
    const { pingIntervalMs, pingTimeoutMs, handshakeTimeoutMs } = this.config.gateway;
    const server = super.createIOServer(port, {
      ...options,
      parser: tolerantParser,
      serveClient: false,
      maxHttpBufferSize: MAX_FRAME_BYTES,
      pingInterval: pingIntervalMs,
      pingTimeout: pingTimeoutMs,
      connectTimeout: CONNECT_PACKET_WITHIN_MS + handshakeTimeoutMs,
      perMessageDeflate: false,
      // Whoever asks for a namespace that does not exist is refused in one made for it.
      cleanupEmptyChildNamespaces: true,
      // Who names no origin is no browser's page of another one, and CORS says nothing to it.
      cors: ({ headers: { origin } }, answer) =>
        answer(null, { origin: origin !== undefined && this.origins.accepts(origin), credentials: false }),
    } as ServerOptions);
    server.engine.on('connection', batchWrites);
    (this.httpServer as HttpServer).prependListener('upgrade', batchUpgrade);
    return server;
  }
}
