import { pause } from './backoff';
import { ClarionError, localError, type Report } from './errors';
import type { Link } from './link';
import type { ClarionClientOptions } from './options';
import { within } from './within';

const TOKEN_LIMIT_MS = 15_000;
const MOST_RENEWALS = 5;
const RENEWAL_PAUSE_MS = 5_000;

/** Gets tokens from the application, and renews that of a live connection before it ends. */
export class Credentials {
  private renewing = false;

  constructor(
    private readonly token: ClarionClientOptions['token'],
    private readonly report: Report,
  ) {}

  /** @throws ClarionError CLIENT_TOKEN_FAILED */
  async get(refresh: boolean): Promise<string> {
    try {
      const asked = Promise.resolve(this.token({ refresh }));
      return await within(asked, TOKEN_LIMIT_MS, () => new Error(`no token within ${TOKEN_LIMIT_MS} ms`));
    } catch (error) {
      throw localError('CLIENT_TOKEN_FAILED', error);
    }
  }

  /** Answers `auth_expiring`. What cannot be renewed is told; the server will then end the connection, and the next has a new token. */
  async renew(link: Link): Promise<void> {
    if (this.renewing) return;
    this.renewing = true;
    try {
      await this.tryToRenew(link);
    } catch (error) {
      // The next connection begins with a token of its own.
      if (error instanceof ClarionError && error.reason === 'CLIENT_DISCONNECTED') return;
      this.report(error instanceof ClarionError ? error : localError('CLIENT_TOKEN_FAILED', error));
    } finally {
      this.renewing = false;
    }
  }

  private async tryToRenew(link: Link): Promise<void> {
    for (let round = 1; ; round += 1) {
      const ack = await link.request('auth_refresh', { token: await this.get(true) });
      // A server that does not know the request ends the connection in its time: nothing to show to anybody.
      if (ack.ok || ack.error.reason === 'EVENT_UNKNOWN') return;
      if (!ack.error.retryable || round === MOST_RENEWALS) throw new ClarionError(ack.error);
      await pause(ack.error.retry_after_ms ?? RENEWAL_PAUSE_MS);
    }
  }
}
