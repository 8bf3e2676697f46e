/** Where the time of a run of the ledger goes, by what it was doing, in order; what was done twice counts together. */
export class Phases {
  private readonly spent = new Map<string, number>();

  async of<T>(phase: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.add(phase, performance.now() - began);
    }
  }

  add(phase: string, ms: number): void {
    this.spent.set(phase, (this.spent.get(phase) ?? 0) + ms);
  }

  line(): string {
    const all = [...this.spent].map(([phase, ms]) => `${phase} ${(ms / 1000).toFixed(1)} s`);
    return `Time: ${all.join(', ')}`;
  }
}
