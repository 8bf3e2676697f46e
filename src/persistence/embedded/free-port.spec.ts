import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from './postmaster';

/** Of Linux; others begin higher. */
const FIRST_OF_OUTGOING_CONNECTIONS = 32_768;

it('is none that an outgoing connection may take while its owner is away', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));
  expect(ports.filter((port) => port >= FIRST_OF_OUTGOING_CONNECTIONS || port <= 1_024)).toEqual([]);
});

it('can be listened on', async () => {
  const server = createServer().listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  server.close();
});
