import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ComponentReport } from '@clarion/protocol';
import { loadConfig } from '../../src/config';
import { figuresOf, WATCHES, withAges } from '../../src/health/figures';
import { StoppablePostgres } from '../faults/stoppable-postgres';
import { ChatClient } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';

/**
 * Records how a real process of Clarion is, once a second, while something goes slowly wrong, or nothing does:
 * `node scripts/run-ts.js test/health-series/record.ts <scenario> <seconds> <file>`. As root, for the small disk.
 */
interface Scenario {
  readonly clarion: ClarionProcess;
  /** Called once a second with the share of the time that has passed. */
  step?(share: number): Promise<void> | void;
  end?(): Promise<void> | void;
}

interface Watched {
  readonly value: number;
  readonly limit: number;
  readonly direction: 'rises' | 'falls';
}

/** As of a process that is told nothing else. */
const CONFIG = loadConfig({});
const PRELOAD = join(__dirname, 'preload.js');
const REFRESH = { HEALTH_REFRESH_MS: '1000', DRILL_AGENT: '1' };

async function distressed(kind: string, seconds: number, options = ''): Promise<Scenario> {
  const DISTRESS_SECONDS = String(seconds);
  const NODE_OPTIONS = `--require=${PRELOAD} ${options}`;
  const clarion = await ClarionProcess.start({ env: { ...REFRESH, DISTRESS: kind, DISTRESS_SECONDS, NODE_OPTIONS } });
  return { clarion };
}

/** A small disk that fills in bursts, and is cleared now and then: a little, or of all that is older than some. */
async function disk(cleared: 'a little' | 'enough'): Promise<Scenario> {
  const directory = mkdtempSync(join(tmpdir(), 'clarion-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=450m,mode=0711', 'none', directory]);
  const dataDir = join(directory, 'data');
  mkdirSync(dataDir, { mode: 0o711 });
  const clarion = await ClarionProcess.start({ dataDir, env: REFRESH });
  const files: string[] = [];
  // Beside what was there before.
  if (cleared === 'enough') writeFileSync(join(directory, 'archive'), Buffer.alloc(230 * 1_048_576, 1));
  return {
    clarion,
    step: () => {
      const megabytes = Math.random() < 0.1 ? 8 : 1.2 * Math.random();
      const file = join(directory, `upload-${files.length}`);
      writeFileSync(file, Buffer.alloc(megabytes * 1_048_576, 1));
      files.push(file);
      const [from, to] = cleared === 'enough' ? [-90, -30] : [-25, -10];
      if (files.length % 60 === 0) files.slice(from, to).forEach((old) => unlinkSync(old));
    },
    end: () => {
      execFileSync('umount', ['-l', directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A process whose network to the database is as slow as `delayMs` says. */
async function behindSlowNetwork(delayMs: () => number, env: Record<string, string> = {}): Promise<Scenario> {
  const postgres = await StoppablePostgres.start();
  const target = new URL(postgres.url);
  const { hostname, port } = target;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const pass = (from: Socket, to: Socket): void => {
      let due = 0;
      from.on('data', (chunk) => {
        // Never before what came before it.
        due = Math.max(due, performance.now() + delayMs() * (0.7 + 0.6 * Math.random()));
        setTimeout(() => to.write(chunk), Math.max(0, due - performance.now()));
      });
      from.on('close', () => to.destroy()).on('error', () => to.destroy());
    };
    pass(client, upstream);
    upstream.on('data', (chunk) => client.write(chunk));
    upstream.on('close', () => client.destroy()).on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target.port = String((server.address() as AddressInfo).port);
  const clarion = await ClarionProcess.start({ env: { ...REFRESH, DATABASE_URL: target.href, ...env } });
  return {
    clarion,
    end: async () => {
      server.close();
      await postgres.dispose();
    },
  };
}

/** A network to the database that becomes slower and slower. */
async function latency(): Promise<Scenario> {
  let delayMs = 0;
  const scenario = await behindSlowNetwork(() => delayMs);
  return { ...scenario, step: (share) => void (delayMs = 700 * share ** 2) };
}

/** More and more is read through few connections to a database some way off, until all of them are in use. */
async function pool(): Promise<Scenario> {
  const scenario = await behindSlowNetwork(() => 25, { DATABASE_POOL_SIZE: '10' });
  const clients = await Promise.all(
    Array.from({ length: 40 }, (_, index) => connectAs(scenario.clarion, `user${index}`)),
  );
  const ask = (): void => {
    const client = clients[Math.floor(Math.random() * clients.length)];
    client?.socket.emit('thread_list', { limit: 1 });
  };
  return {
    ...scenario,
    step: (share) => {
      // Spread over the second, as users are.
      const requests = Math.floor((40 + 520 * share) * (0.7 + 0.6 * Math.random()));
      for (let n = 0; n < requests; n += 1) setTimeout(ask, 1000 * Math.random());
    },
    end: async () => {
      clients.forEach((client) => client.close());
      await scenario.end?.();
    },
  };
}

async function connectAs(clarion: ClarionProcess, user: string): Promise<ChatClient> {
  return ChatClient.connect(clarion.url, { token: await clarion.token(user) });
}

async function talk(clarion: ClarionProcess, user: string, drill: object): Promise<void> {
  const client = await connectAs(clarion, user);
  client.socket.emit('chat_message', {
    client_message_id: `m${Date.now()}${Math.floor(Math.random() * 1e6)}`,
    agent: 'drill',
    content: JSON.stringify(drill),
  });
  setTimeout(() => client.close(), 20_000).unref();
}

/** More and more runs come than two workers can do. */
async function backlog(): Promise<Scenario> {
  const clarion = await ClarionProcess.start({ env: { ...REFRESH, WORKER_CONCURRENCY: '2' } });
  let user = 0;
  return {
    clarion,
    step: async (share) => {
      const talks = Math.floor(3 * share + Math.random());
      const drill = { tokens: 60, per_second: 25 };
      await Promise.all(Array.from({ length: talks }, () => talk(clarion, `user${(user += 1)}`, drill)));
    },
  };
}

/** Load that comes and goes, all of it within what the process can do. */
async function busy(): Promise<Scenario> {
  const clarion = await ClarionProcess.start({ env: REFRESH });
  let user = 0;
  return {
    clarion,
    step: async (share) => {
      const wave = 1 + Math.sin(share * 6 * Math.PI);
      const talks = Math.floor(wave * 2 * Math.random()) + (Math.random() < 0.03 ? 15 : 0);
      await Promise.all(
        Array.from({ length: talks }, () => talk(clarion, `user${(user += 1) % 200}`, { tokens: 100, per_second: 50 })),
      );
    },
  };
}

const SCENARIOS: Record<string, (seconds: number) => Promise<Scenario>> = {
  quiet: async () => ({ clarion: await ClarionProcess.start({ env: REFRESH }) }),
  busy,
  disk: () => disk('a little'),
  rotation: () => disk('enough'),
  latency,
  pool,
  backlog,
  leak: (seconds) => distressed('leak', seconds, '--max-old-space-size=140'),
  cache: (seconds) => distressed('cache', seconds, '--max-old-space-size=200'),
  lag: (seconds) => distressed('block', seconds),
};

/** What of a report is watched, by component and figure. */
function watchedIn(report: ComponentReport): Map<string, Watched> {
  const found = Object.entries(report.component_details).flatMap(([component, detail]) => {
    const { latency_ms } = detail;
    const all = withAges(typeof latency_ms !== 'number' ? figuresOf(detail) : { ...figuresOf(detail), latency_ms });
    return Object.entries(all).flatMap(([figure, value]): [string, Watched][] => {
      const watch = WATCHES.find((candidate) => candidate.figure.test(figure));
      const limit = watch?.limit(all, CONFIG);
      if (watch === undefined || limit === undefined) return [];
      return [[`${component}.${figure}`, { value: Math.round(value), limit, direction: watch.direction }]];
    });
  });
  return new Map(found);
}

function seriesOf(samples: readonly Map<string, Watched>[]) {
  const known = new Map(samples.flatMap((sample) => [...sample]));
  const all = [...known].map(([figure, { limit, direction }]) => {
    return { figure, limit, direction, values: samples.map((sample) => sample.get(figure)?.value ?? null) };
  });
  // What never moves is no series.
  return all.filter(({ values }) => new Set(values).size > 2);
}

async function main([name = '', seconds = '480', file = 'recorded.json']: string[]): Promise<void> {
  const scenario = await SCENARIOS[name]?.(Number(seconds));
  if (scenario === undefined) throw new Error(`one of ${Object.keys(SCENARIOS).join(', ')}`);
  const began = Date.now();
  const at: number[] = [];
  const samples: Map<string, Watched>[] = [];
  while (Date.now() - began < Number(seconds) * 1000 && !scenario.clarion.exited) {
    const now = Math.round((Date.now() - began) / 100) / 10;
    const [answer] = await Promise.allSettled([
      fetch(`${scenario.clarion.url}/health/components`, { signal: AbortSignal.timeout(900) }),
      scenario.step?.(now / Number(seconds)),
    ]);
    const [report] = await Promise.allSettled([answer.status === 'fulfilled' ? answer.value.json() : null]);
    const found = report.status === 'fulfilled' ? (report.value as ComponentReport | null) : null;
    at.push(now);
    samples.push(found === null ? new Map() : watchedIn(found));
    await delay(Math.max(0, now * 1000 + 1000 - (Date.now() - began)));
  }
  const { exited } = scenario.clarion;
  const took = Math.round((Date.now() - began) / 1000);
  writeFileSync(file, JSON.stringify({ scenario: name, seconds: took, died: exited, at, figures: seriesOf(samples) }));
  await scenario.clarion.dispose();
  await scenario.end?.();
}

void main(process.argv.slice(3)).then(() => process.exit(0));
