import {
  authRefuses,
  databaseRefuses,
  directoryComesAndGoes,
  directoryGone,
  diskFull,
  freezing,
  frozen,
  type Injection,
  killed,
  mcpRefuses,
  providerRefuses,
  redisRefuses,
  throughProxy,
} from './injections';
import type { Fault, RowName } from './matrix';
import { type Act, askAssistant, comeBack, drill, signIn, useTool } from './user';
import type { Cast } from './world';

/** How the cells of a row are brought about. */
interface Staging {
  readonly cast: Cast;
  /** What the concerned user does. */
  readonly act: Act;
  readonly faults: Readonly<Partial<Record<Fault, Injection>>>;
}

const NO_HTTP = 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>';

/** Those whose every cell is open have none. */
export const STAGINGS: Readonly<Record<Exclude<RowName, 'alert channel' | 'smtp'>, Staging>> = {
  database: {
    cast: { processes: ['all'], broken: 'database' },
    act: drill,
    faults: { ...throughProxy(({ proxies }) => proxies.database, 'no PostgreSQL'), refusing: databaseRefuses },
  },
  redis: {
    cast: { processes: ['all'], broken: 'redis' },
    act: drill,
    faults: { ...throughProxy(({ proxies }) => proxies.redis, 'no Redis\r\n'), refusing: redisRefuses },
  },
  auth: {
    cast: { processes: ['all'], broken: 'auth' },
    act: signIn,
    faults: { ...throughProxy(({ proxies }) => proxies.auth, NO_HTTP), refusing: authRefuses },
  },
  provider: {
    cast: { processes: ['all'], broken: 'provider' },
    act: askAssistant,
    faults: { ...throughProxy(({ proxies }) => proxies.provider, NO_HTTP), refusing: providerRefuses },
  },
  'mcp tool': {
    cast: { processes: ['all'], broken: 'mcp' },
    act: useTool,
    faults: { ...throughProxy(({ proxies }) => proxies.mcp, NO_HTTP), refusing: mcpRefuses },
  },
  'worker process': {
    cast: { processes: ['gateway'], victim: 'worker' },
    act: drill,
    faults: { down: killed, hanging: frozen, flapping: freezing },
  },
  'gateway process': {
    cast: { processes: ['gateway', 'worker'], victim: 'gateway' },
    act: comeBack,
    faults: { down: killed, hanging: frozen, flapping: freezing },
  },
  'disk of DATA_DIR': {
    cast: { processes: ['all'] },
    act: drill,
    faults: { down: directoryGone, flapping: directoryComesAndGoes, refusing: diskFull },
  },
};
