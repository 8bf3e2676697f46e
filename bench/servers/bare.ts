import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { Server } from 'socket.io';
import { serveBenchmark } from './control';

/** Emitted without giving the event loop a turn, as many as an agent of Clarion writes. */
const BURST = 64;

/** Socket.IO with nothing on top: a room per user, and deltas emitted to it. */
function main({ port }: { port: number }): void {
  const http = createServer();
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
  io.on('connection', (socket) => {
    const user = String(socket.handshake.auth['user']);
    void socket.join(user);
    socket.on('chat_message', ({ content }: { content: string }) => {
      const { tokens } = JSON.parse(content) as { tokens: number };
      void stream(io, user, tokens);
    });
  });
  http.listen(port, '127.0.0.1', serveBenchmark);
}

async function stream(io: Server, user: string, tokens: number): Promise<void> {
  const run_id = '0193f000-0000-7000-8000-000000000000';
  for (let token = 0, index = 0; token < tokens; token += 1) {
    if (token % BURST === 0) await turn();
    const text = token === 0 ? 'w0' : ` w${token}`;
    io.to(user).emit('agent_delta', { run_id, attempt: 1, path: null, index, text });
    index += text.length;
  }
}

main(JSON.parse(process.argv[2] ?? '{}') as { port: number });
