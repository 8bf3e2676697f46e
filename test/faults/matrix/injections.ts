import { setTimeout as delay } from 'node:timers/promises';
import type { FaultyProxy } from '../../support/faulty-proxy';
import { administrate, adminUrl } from '../../support/database';
import type { Fault } from './matrix';
import type { World } from './world';

/** Begins a fault. @returns what ends it */
export type Injection = (world: World) => Promise<() => Promise<void>>;

/** Longer than anybody waits for an answer. */
const SLOW_MS = 2_500;
const FLAP_DOWN_MS = 700;
const FLAP_UP_MS = 300;

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

async function flap(proxy: FaultyProxy): Promise<() => Promise<void>> {
  const over = new AbortController();
  const pause = (ms: number) => Promise.allSettled([delay(ms, undefined, { signal: over.signal })]);
  const flapping = (async () => {
    while (!over.signal.aborted) {
      proxy.shut();
      await pause(FLAP_DOWN_MS);
      await proxy.heal();
      await pause(FLAP_UP_MS);
    }
  })();
  return async () => {
    over.abort();
    await flapping;
  };
}

/** PostgreSQL lets our user in no more, and ends the connections that it has. */
export const databaseRefuses: Injection = async ({ servers: { role } }) => {
  await administrate(adminUrl(), `ALTER ROLE ${role} NOLOGIN`);
  await administrate(adminUrl(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
  return () => administrate(adminUrl(), `ALTER ROLE ${role} LOGIN`);
};
