const LOCAL_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Which browser origins may connect. A client without an `Origin` header is no browser, and its token decides. */
export class OriginPolicy {
  private readonly allowed: ReadonlySet<string>;

  constructor(
    allowedOrigins: readonly string[],
    private readonly allowLocal: boolean,
  ) {
    this.allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /** `host` is the request's own `Host` header: a page of the same origin may always connect. */
  accepts(origin: string | undefined, host?: string): boolean {
    if (origin === undefined) return true;
    if (this.allowed.has(origin.toLowerCase())) return true;
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    if (host !== undefined && url.host === host.toLowerCase()) return true;
    return this.allowLocal && LOCAL_HOSTS.has(url.hostname);
  }
}
