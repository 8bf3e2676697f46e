interface Entry<T> {
  readonly value: T;
  /** In milliseconds of `Date.now()`. */
  readonly freshUntil: number;
}

/** Answers that are believed for a while; those not used for longest go first when there are too many. */
export class AnswerCache<T> {
  private readonly entries = new Map<string, Entry<T>>();

  constructor(private readonly limit: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** Undefined for what was never answered, or too long ago. */
  get(key: string, now = Date.now()): T | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    this.entries.delete(key);
    if (entry.freshUntil <= now) return undefined;
    this.entries.set(key, entry);
    return entry.value;
  }

  set(key: string, value: T, freshUntil: number): void {
    this.entries.delete(key);
    this.entries.set(key, { value, freshUntil });
    if (this.entries.size <= this.limit) return;
    const [oldest] = this.entries.keys();
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}
