import { codeOf } from './embedded-postgres.error';
import type { PostgresAccount } from './postgres-account';

/**
 * How every program of PostgreSQL is started: as the account, in a session and process group of its own, so that Ctrl-C in our
 * terminal is not one to it, and with nothing of our environment.
 */
export function runAs(account: PostgresAccount | null) {
  return {
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
    cwd: '/',
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
  };
}

/** Sends a signal to a process, or with a negative pid to its group; one that has ended already needs none. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/** Waits; an abort ends the wait early and is no error. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, signal.aborted ? 0 : ms);
    signal.addEventListener('abort', end, { once: true });
  });
}
