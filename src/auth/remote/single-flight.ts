import { ownCopy } from './service-failure';

/** Lets those who ask the same thing at the same time share one answer. */
export class SingleFlight<T> {
  private readonly flights = new Map<string, Promise<T>>();

  /** What `work` gives, or what it gives to somebody who asked before. A failure is each caller's own. */
  async run(key: string, work: () => Promise<T>): Promise<T> {
    const flight = this.flights.get(key) ?? this.begin(key, work);
    try {
      return await flight;
    } catch (error) {
      throw ownCopy(error);
    }
  }

  private begin(key: string, work: () => Promise<T>): Promise<T> {
    const flight = work().finally(() => this.flights.delete(key));
    this.flights.set(key, flight);
    return flight;
  }
}
