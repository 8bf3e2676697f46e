import { randomUUID } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';

/** 256 clients, each sending the next message when the last one was acknowledged, for a fixed time; prints acknowledgements per second. */
const CLIENTS = 256;
const WARM_MS = 2_000;
const MEASURE_MS = 8_000;

async function main(): Promise<void> {
  const [url = '', kind = 'clarion', pace = '0'] = process.argv.slice(2);
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, (_, index) => connect(url, kind, `user${index}`)));
  const latencies: number[] = [];
  let measuring = false;
  let running = true;
  const pauseMs = Number(pace) === 0 ? 0 : (CLIENTS * 1000) / Number(pace);
  const drive = async (socket: Socket): Promise<void> => {
    while (running) {
      const started = performance.now();
      const answer = (await socket.emitWithAck('chat_message', messageOf(kind))) as { ok: boolean };
      if (!answer.ok) throw new Error(JSON.stringify(answer));
      const took = performance.now() - started;
      if (measuring) latencies.push(took);
      if (pauseMs > took) await new Promise((resolve) => setTimeout(resolve, pauseMs - took));
    }
  };
  const drivers = sockets.map(drive);
  await new Promise((resolve) => setTimeout(resolve, WARM_MS));
  measuring = true;
  const from = performance.now();
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  measuring = false;
  const seconds = (performance.now() - from) / 1000;
  running = false;
  await Promise.all(drivers);
  for (const socket of sockets) socket.close();
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? 0;
  process.stdout.write(`${JSON.stringify({ perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99) })}\n`);
}

function messageOf(kind: string): object {
  const content = 'How are you?';
  return kind === 'clarion' ? { client_message_id: randomUUID(), content, agent: 'drill' } : { content };
}

async function connect(url: string, kind: string, user: string): Promise<Socket> {
  const token = kind === 'clarion' ? await tokenFor(url, user) : '';
  const socket = io(url, { auth: { token, user }, transports: ['websocket'], forceNew: true });
  await new Promise<void>((resolve, reject) => {
    socket.once(kind === 'clarion' ? 'replay_complete' : 'connect', () => resolve());
    socket.once('connect_error', reject);
  });
  return socket;
}

async function tokenFor(url: string, user: string): Promise<string> {
  const response = await fetch(`${url}/auth/dev-token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user }),
  });
  return ((await response.json()) as { token: string }).token;
}

void main();
