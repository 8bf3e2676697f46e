import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

const LOCAL_ORIGIN = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;
const PROXY_HEADER = /^(forwarded|x-forwarded-.*|via|x-real-ip)$/;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Why a request is not this machine's own; null for one that is. */
export type ForeignRequest = 'remote_address' | 'forwarded' | 'host' | 'origin';

/**
 * Judges by the connection itself, which nobody can forge, and then refuses what a proxy, a rebound DNS name or a page
 * of another site on this machine would send. Headers alone never make a request local.
 */
export function foreignRequest(request: Pick<IncomingMessage, 'headers' | 'socket'>): ForeignRequest | null {
  const { headers, socket } = request;
  if (!isLoopback(socket.remoteAddress)) return 'remote_address';
  if (Object.keys(headers).some((name) => PROXY_HEADER.test(name))) return 'forwarded';
  if (!LOCAL_ORIGIN.test(`http://${headers.host ?? ''}`)) return 'host';
  if (headers.origin !== undefined && !LOCAL_ORIGIN.test(headers.origin)) return 'origin';
  return null;
}

function isLoopback(address = ''): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return isIP(plain) !== 0 && loopback.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
}
