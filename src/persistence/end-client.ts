import type { Client } from 'pg';

const END_MS = 500;

/** Ends a connection of its own, in bounded time: a server that hangs never confirms the end. What ending it says adds nothing. */
export async function endClient(client: Client): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(() => limit.resolve(), END_MS);
  await Promise.race([Promise.allSettled([client.end()]), limit.promise]);
  clearTimeout(timer);
}
