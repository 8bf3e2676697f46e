import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { FaultyProxy } from '../../support/faulty-proxy';
import { administrate, adminUrl, rowsOf } from '../../support/database';
import { fails } from '../../support/llm-server';
import type { Fault } from './matrix';
import type { World } from './world';

/** The operation of failures that are made up so that somebody has to be alerted. */
export const PROVOKED = 'matrix.provoked';

/** Begins a fault. @returns what ends it */
export type Injection = (world: World) => Promise<() => Promise<void>>;

/** Longer than anybody waits for an answer. */
const SLOW_MS = 2_500;
const FLAP_DOWN_MS = 700;
const FLAP_UP_MS = 300;
/** Longer than a heartbeat may be away. */
const FROZEN_MS = 2_500;
/** Longer than it takes to alert somebody. */
const CHANNEL_AWAY_MS = 5_000;

const ALERTING = `
INSERT INTO error_records (support_code, code, reason, component, severity, fingerprint, operation, occurred_at, last_at, count, details, private_details, notify)
VALUES ($1, 1011, 'INTERNAL_ERROR', 'Internal', 'critical', 'f', $2, now(), now(), 1, '{}', '{}', false)`;

/** What a proxy can do to whoever talks through it. @param nonsense what is said in place of answers */
export function throughProxy(
  proxyOf: (world: World) => FaultyProxy,
  nonsense: string,
): Record<Exclude<Fault, 'refusing'>, Injection> {
  const doing =
    (fault: (proxy: FaultyProxy) => void): Injection =>
    async (world) => {
      const proxy = proxyOf(world);
      fault(proxy);
      return () => proxy.heal();
    };
  return {
    down: doing((proxy) => proxy.shut()),
    slow: doing((proxy) => proxy.slowDown(SLOW_MS)),
    hanging: doing((proxy) => proxy.hang()),
    garbage: doing((proxy) => proxy.babble(nonsense)),
    flapping: async (world) => flap(proxyOf(world)),
  };
}

function flap(proxy: FaultyProxy): () => Promise<void> {
  return again(
    () => proxy.shut(),
    FLAP_DOWN_MS,
    () => proxy.heal(),
    FLAP_UP_MS,
  );
}

/** Breaks and mends in turns. @returns what ends it, mended */
function again(
  breakIt: () => Promise<void> | void,
  brokenMs: number,
  mendIt: () => Promise<void> | void,
  wellMs: number,
): () => Promise<void> {
  const over = new AbortController();
  const pause = (ms: number) => Promise.allSettled([delay(ms, undefined, { signal: over.signal })]);
  const turns = (async () => {
    while (!over.signal.aborted) {
      await breakIt();
      await pause(brokenMs);
      await mendIt();
      await pause(wellMs);
    }
  })();
  return async () => {
    over.abort();
    await turns;
  };
}

/** PostgreSQL lets our user in no more, and ends the connections that it has. */
export const databaseRefuses: Injection = async ({ servers: { role } }) => {
  await administrate(adminUrl(), `ALTER ROLE ${role} NOLOGIN`);
  await administrate(adminUrl(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
  return () => administrate(adminUrl(), `ALTER ROLE ${role} LOGIN`);
};

/** Redis wants a password, from those that are connected too. */
export const redisRefuses: Injection = async ({ servers: { redis } }) => {
  const admin = new Redis(redis.url, { maxRetriesPerRequest: 0 });
  admin.on('error', () => undefined); // the command fails as well
  await admin.config('SET', 'requirepass', 'another');
  await admin.auth('another');
  await admin.client('KILL', 'SKIPME', 'yes');
  return async () => {
    await admin.config('SET', 'requirepass', '');
    admin.disconnect();
  };
};

/** The introspection endpoint does not know our client. */
export const authRefuses: Injection = async ({ servers: { oidc } }) => {
  oidc.answerBy((_request, response) => {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}');
    return true;
  });
  return async () => oidc.answerBy(null);
};

/** The provider does not know our key. */
export const providerRefuses: Injection = async ({ servers: { llm } }) => {
  const usual = llm.otherwise;
  llm.modelsStatus = 401;
  llm.otherwise = fails(401);
  return async () => {
    llm.modelsStatus = 200;
    llm.otherwise = usual;
  };
};

/** The server of tools lets nobody in. */
export const mcpRefuses: Injection = async ({ proxies: { mcp } }) => {
  mcp.babble('HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  return () => mcp.heal();
};

/** PagerDuty does not know our routing key. */
export const pagerRefuses: Injection = async ({ proxies: { pager } }) => {
  pager.babble('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  return () => pager.heal();
};

/** The server takes no mail from us. */
export const mailRefuses: Injection = async ({ proxies: { mail } }) => {
  mail.babble('554 5.7.1 No service for you\r\n');
  return () => mail.heal();
};

/** A channel that is away at every time but for a moment. */
export function channelComesAndGoes(proxyOf: (world: World) => FaultyProxy): Injection {
  return async (world) => {
    const proxy = proxyOf(world);
    return again(
      () => proxy.shut(),
      CHANNEL_AWAY_MS,
      () => proxy.heal(),
      FLAP_UP_MS,
    );
  };
}

/** With something that everybody has to be told of: who does not take messages is found out by nothing else. */
export function alerting(fault: Injection): Injection {
  return async (world) => {
    const heal = await fault(world);
    const code = `INTERNAL_ERROR_${randomUUID().slice(0, 8)}`;
    await world.rows(ALERTING, [code, PROVOKED]);
    return async () => {
      await world.rows('DELETE FROM error_records WHERE support_code = $1', [code]);
      await heal();
    };
  };
}

/** kill -9; another process takes the place when the fault is over. */
export const killed: Injection = async (world) => {
  await world.victim.crash();
  return () => world.replaceVictim();
};

export const frozen: Injection = async ({ victim }) => {
  victim.signal('SIGSTOP');
  return async () => victim.signal('SIGCONT');
};

/** Stands still for seconds, again and again. */
export const freezing: Injection = async ({ victim }) => {
  const freeze = () => victim.signal('SIGSTOP');
  const thaw = () => victim.signal('SIGCONT');
  return again(freeze, FROZEN_MS, thaw, FLAP_UP_MS);
};

/** A file stands where the directory was. */
export const directoryGone: Injection = async ({ processes: [clarion] }) => {
  const { dataDir } = clarion!;
  await takeAway(dataDir);
  return () => bringBack(dataDir);
};

export const directoryComesAndGoes: Injection = async ({ processes: [clarion] }) => {
  const { dataDir } = clarion!;
  return again(
    () => takeAway(dataDir),
    FROZEN_MS,
    () => bringBack(dataDir),
    FLAP_UP_MS,
  );
};

/** Not one byte more can be written to any file. */
export const diskFull: Injection = async ({ processes: [clarion] }) => {
  const limit = (soft: string) =>
    void execFileSync('prlimit', ['--pid', String(clarion!.pid), `--fsize=${soft}:unlimited`]);
  limit('0');
  return async () => limit('unlimited');
};

/** What is written to files that have room already is taken still: the log of changes for a while. */
export const ownDiskFull: Injection = async ({ disk }) => {
  disk.fill();
  return async () => disk.makeRoom();
};

/** PostgreSQL ends where its log of changes cannot go on, and cannot start. */
export const ownDiskFullOfLog: Injection = async (world) => {
  const { databaseUrl } = world;
  world.disk.fill();
  const goOn = `SELECT pg_switch_wal(), pg_logical_emit_message(true, 'matrix', repeat('x', 8000))`;
  for (;;) {
    const [written] = await Promise.allSettled([rowsOf(databaseUrl, goOn)]);
    if (written.status === 'rejected') return async () => world.disk.makeRoom();
  }
};

export const ownDiskFullAgainAndAgain: Injection = async ({ disk }) =>
  again(
    () => disk.fill(),
    FLAP_DOWN_MS,
    () => disk.makeRoom(),
    FLAP_UP_MS,
  );

async function takeAway(directory: string): Promise<void> {
  await rename(directory, `${directory}.away`);
  await writeFile(directory, '');
}

async function bringBack(directory: string): Promise<void> {
  await rm(directory);
  await rename(`${directory}.away`, directory);
}
