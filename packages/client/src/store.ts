import { localError, type Report } from './errors';
import { within } from './within';

type Maybe<T> = T | Promise<T>;

/** Where a client keeps what has to survive a reload: its cursor and its outbox, as strings. May be asynchronous. */
export interface ClientStore {
  get(key: string): Maybe<string | null | undefined>;
  set(key: string, value: string): Maybe<void>;
  remove(key: string): Maybe<void>;
}

/** `localStorage` and `sessionStorage`. */
export interface WebStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const STORE_LIMIT_MS = 5_000;

/** Survives reconnects, not a reload. Give it to a second client and that one goes on where the first stopped. */
export function memoryStore(): ClientStore {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
  };
}

/** `webStore(localStorage)` survives the closing of the tab, `webStore(sessionStorage)` a reload of it. */
export function webStore(storage: WebStorage): ClientStore {
  return {
    get: (key) => storage.getItem(key),
    set: (key, value) => storage.setItem(key, value),
    remove: (key) => storage.removeItem(key),
  };
}

/** In a page its `sessionStorage`, which every tab has for itself; elsewhere, or where the page may not use it, the memory. */
export function defaultStore(report: Report): ClientStore {
  const page = globalThis as { document?: unknown; sessionStorage?: WebStorage };
  if (page.document === undefined) return memoryStore();
  try {
    // Reading the property throws where the user has forbidden storage.
    return page.sessionStorage ? webStore(page.sessionStorage) : memoryStore();
  } catch (error) {
    report(reportable(error));
    return memoryStore();
  }
}

/** One value of the store as JSON. Written at once; while a write is under way only the latest value waits. */
export class StoreSlot<T> {
  private latest: T | null | undefined;
  private busy = false;
  /** Told once until it works again. */
  private failing = false;
  private written: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: ClientStore,
    private readonly key: string,
    private readonly report: Report,
  ) {}

  /** Null where nothing is stored, or what is stored cannot be read; the latter is told. */
  async read(): Promise<T | null> {
    try {
      const text = await within(Promise.resolve(this.store.get(this.key)), STORE_LIMIT_MS, storeTimeout);
      return text == null ? null : (JSON.parse(text) as T);
    } catch (error) {
      this.reportFailure(error);
      return null;
    }
  }

  /** Null removes. Resolves when this value or a later one is stored; a failure is told, not thrown. */
  write(value: T | null): Promise<void> {
    this.latest = value;
    if (!this.busy) this.written = this.drain();
    return this.written;
  }

  /** Resolves when all that was written is stored. */
  settled(): Promise<void> {
    return this.written;
  }

  private async drain(): Promise<void> {
    this.busy = true;
    while (this.latest !== undefined) {
      const value = this.latest;
      this.latest = undefined;
      try {
        const writing = this.put(value);
        // A store that is done at once is not waited for: whoever reads it next finds the value.
        if (writing !== undefined) await within(writing, STORE_LIMIT_MS, storeTimeout);
        this.failing = false;
      } catch (error) {
        this.reportFailure(error);
      }
    }
    this.busy = false;
  }

  private put(value: T | null): Maybe<void> {
    return value === null ? this.store.remove(this.key) : this.store.set(this.key, JSON.stringify(value));
  }

  private reportFailure(error: unknown): void {
    if (!this.failing) this.report(reportable(error));
    this.failing = true;
  }
}

function reportable(error: unknown) {
  return localError('CLIENT_STORE_FAILED', error);
}

function storeTimeout(): Error {
  return new Error(`the store did not answer within ${STORE_LIMIT_MS} ms`);
}
