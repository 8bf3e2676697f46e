import { randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import { report, type LoadOf } from '../load';
import { tokenFor } from '../token';

/** 256 clients, each sending the next message when the last one was acknowledged, for a fixed time. */
const CLIENTS = 256;
/** Until what runs is compiled, and optimised. */
const WARM_MS = 6_000;
const MEASURE_MS = 6_000;

/** Latencies in milliseconds. */
export interface Accepts {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/** `pace`: messages per second of all clients together; 0: as many as they can. */
async function main({ port, kind, pace = 0 }: LoadOf<{ pace?: number }>): Promise<Accepts> {
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => open(port, kind, `user${index}`)));
  const latencies: number[] = [];
  let measuring = false;
  let running = true;
  const pauseMs = pace === 0 ? 0 : (CLIENTS * 1000) / pace;
  const drive = async (socket: Socket): Promise<void> => {
    // Paced clients do not send in step.
    await sleep(Math.random() * pauseMs);
    while (running) {
      const started = performance.now();
      const answer = (await socket.emitWithAck('chat_message', messageOf(kind))) as { ok: boolean };
      if (!answer.ok) throw new Error(JSON.stringify(answer));
      const took = performance.now() - started;
      if (measuring) latencies.push(took);
      if (pauseMs > took) await sleep(pauseMs - took);
    }
  };
  const drivers = sockets.map(drive);
  await sleep(WARM_MS);
  measuring = true;
  const from = performance.now();
  await sleep(MEASURE_MS);
  measuring = false;
  const seconds = (performance.now() - from) / 1000;
  running = false;
  await Promise.all(drivers);
  for (const socket of sockets) socket.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  return { perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99) };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function messageOf(kind: string): object {
  const content = 'How are you?';
  return kind === 'clarion' ? { client_message_id: randomUUID(), content, agent: 'drill' } : { content };
}

async function open(port: number, kind: string, user: string): Promise<Socket> {
  const auth = { token: await tokenFor(user), user };
  const socket = io(`http://127.0.0.1:${port}`, { auth, transports: ['websocket'], forceNew: true });
  await new Promise<void>((resolve, reject) => {
    socket.once(kind === 'clarion' ? 'replay_complete' : 'connect', () => resolve());
    socket.once('connect_error', reject);
  });
  return socket;
}

report(main);
