/** What every load is told: where the server listens, and which one it is. */
export type LoadOf<T = object> = T & { readonly port: number; readonly kind: string };

/** Runs a load in its own process: its arguments come as JSON in the command line, its result goes to the parent. */
export function report<T extends object, R>(main: (load: LoadOf<T>) => Promise<R>): void {
  const load = JSON.parse(process.argv[2] ?? '{}') as LoadOf<T>;
  void main(load).then((result) => process.send?.({ result }, () => process.exit(0)));
}

/** Does `work` for 0 … count - 1, at most `atOnce` at the same time. */
export async function eachOf(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane));
}
