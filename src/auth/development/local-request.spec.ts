import type { Socket } from 'node:net';
import { foreignRequest } from './local-request';

function check(remoteAddress: string | undefined, headers: Record<string, string> = {}) {
  return foreignRequest({ headers: { host: 'localhost:3000', ...headers }, socket: { remoteAddress } as Socket });
}

describe('foreignRequest', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('takes %s for this machine', (address) => {
    expect(check(address)).toBeNull();
  });

  it.each(['10.0.0.7', '192.168.1.2', '::ffff:10.0.0.7', '::', '2001:db8::1', 'fe80::1', '', 'localhost', undefined])(
    'takes %s for another machine, whatever its headers say',
    (address) => {
      expect(check(address, { origin: 'http://localhost:3000' })).toBe('remote_address');
    },
  );

  it('refuses a request without Host', () => {
    expect(foreignRequest({ headers: {}, socket: { remoteAddress: '::1' } as Socket })).toBe('host');
  });
});
