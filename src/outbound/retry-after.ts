/**
 * How long a `Retry-After` header (RFC 9110: seconds, or a date) asks to wait, in milliseconds; null where there is none that can be read.
 * It is the peer's wish and may be any length: whoever waits sets the limit.
 */
export function retryAfterMs(header: string | undefined, now = Date.now()): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1_000;
  const date = /^\s*[A-Z][a-z]{2,8},/.test(header) ? Date.parse(header) : NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
