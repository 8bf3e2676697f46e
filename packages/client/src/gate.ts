/** A promise to be settled from outside, made only when somebody looks: a failure that nobody awaits is no unhandled rejection. */
export class Later<T> {
  private outcome: { value: T } | { error: Error } | null = null;
  private made: Promise<T> | null = null;
  private settle: (() => void) | null = null;

  get promise(): Promise<T> {
    this.made ??= new Promise<T>((resolve, reject) => {
      this.settle = () => {
        if (this.outcome === null) return;
        if ('value' in this.outcome) resolve(this.outcome.value);
        else reject(this.outcome.error);
      };
      this.settle();
    });
    return this.made;
  }

  get settled(): boolean {
    return this.outcome !== null;
  }

  /** The first outcome counts. */
  resolve(value: T): void {
    this.outcome ??= { value };
    this.settle?.();
  }

  reject(error: Error): void {
    this.outcome ??= { error };
    this.settle?.();
  }
}

/** Something that is there at times: who waits gets it when it comes. */
export class Gate<T> {
  private value: T | null = null;
  private next = new Later<T>();

  get current(): T | null {
    return this.value;
  }

  wait(): Promise<T> {
    return this.value === null ? this.next.promise : Promise.resolve(this.value);
  }

  open(value: T): void {
    this.value = value;
    this.next.resolve(value);
    this.next = new Later();
  }

  shut(): void {
    this.value = null;
  }

  /** Sends away everybody who waits. */
  fail(error: Error): void {
    this.value = null;
    this.next.reject(error);
    this.next = new Later();
  }
}

/** Something that happens again and again: who waits hears of the next time. */
export class Pulse {
  private next = new Later<void>();

  wait(): Promise<void> {
    return this.next.promise;
  }

  pulse(): void {
    this.next.resolve();
    this.next = new Later();
  }
}
