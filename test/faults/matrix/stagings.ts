import {
  alerting,
  authRefuses,
  channelComesAndGoes,
  databaseRefuses,
  directoryComesAndGoes,
  directoryGone,
  diskFull,
  freezing,
  frozen,
  type Injection,
  killed,
  mailRefuses,
  mcpRefuses,
  ownDiskFull,
  ownDiskFullAgainAndAgain,
  ownDiskFullOfLog,
  pagerRefuses,
  providerRefuses,
  redisRefuses,
  throughProxy,
} from './injections';
import type { Fault, RowName } from './matrix';
import { type Act, askAssistant, comeBack, drill, signIn, useTool } from './user';
import type { FaultyProxy } from '../../support/faulty-proxy';
import type { Cast, World } from './world';

/** How the cells of a row are brought about. */
interface Staging {
  readonly cast: Cast;
  /** What the concerned user does. */
  readonly act: Act;
  readonly faults: Readonly<Partial<Record<Fault, Injection>>>;
}

const NO_HTTP = 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>';

/** Who alerts without delay, and asks a channel that failed again soon. */
const PROMPT = {
  ALERT_WAIT_MS: '500',
  ALERT_DEGRADED_WAIT_MS: '500',
  ALERT_QUIET_MS: '1000',
  ALERT_SEND_ATTEMPTS: '1',
  ALERT_CHANNEL_RETRY_MS: '2000',
};

/** What befalls the first channel, while somebody has to be alerted; the second one tells of it. */
function channelFaults(proxyOf: (world: World) => FaultyProxy, nonsense: string, refusing: Injection) {
  const faults = { ...throughProxy(proxyOf, nonsense), flapping: channelComesAndGoes(proxyOf), refusing };
  return Object.fromEntries(Object.entries(faults).map(([fault, injection]) => [fault, alerting(injection)]));
}

export const STAGINGS: Readonly<Record<RowName, Staging>> = {
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
    cast: { processes: ['gateway'], victim: 'worker', settings: { RUN_NO_WORKER_NOTICE_MS: '100' } },
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
  'disk of the embedded PostgreSQL': {
    cast: { processes: ['all'], embedded: true },
    act: drill,
    faults: { down: ownDiskFullOfLog, flapping: ownDiskFullAgainAndAgain, refusing: ownDiskFull },
  },
  'alert channel': {
    cast: { processes: ['all'], settings: { ...PROMPT, ALERT_CHANNELS: 'pagerduty,webhook' } },
    act: drill,
    faults: channelFaults(({ proxies }) => proxies.pager, 'no HTTP\r\n', pagerRefuses),
  },
  smtp: {
    cast: { processes: ['all'], settings: { ...PROMPT, ALERT_CHANNELS: 'email,webhook' } },
    act: drill,
    faults: channelFaults(({ proxies }) => proxies.mail, 'no SMTP\r\n', mailRefuses),
  },
};
