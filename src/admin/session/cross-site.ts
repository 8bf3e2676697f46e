import type { IncomingHttpHeaders } from 'node:http';
import { ComponentError } from '../../errors';

/**
 * Refuses what a page of another site has made the browser send. Browsers say so by `Sec-Fetch-Site`, which survives
 * proxies; where it is absent (plain HTTP, old browsers) by `Origin`. What has neither comes from no page.
 * @throws ComponentError ORIGIN_NOT_ALLOWED
 */
export function refuseCrossSite(headers: IncomingHttpHeaders): void {
  if (isSameOrigin(headers)) return;
  throw ComponentError.factory('ORIGIN_NOT_ALLOWED', { details: { origin: headers.origin ?? null } });
}

function isSameOrigin({ 'sec-fetch-site': site, origin, host }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host?.toLowerCase());
}
