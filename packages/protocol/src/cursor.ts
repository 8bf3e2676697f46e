import { EPOCH_PATTERN } from './constants';

/** A place in a mailbox: after the event `seq` of `epoch`. */
export interface Cursor {
  epoch: string;
  seq: number;
}

const SEQ_PATTERN = /^(0|[1-9][0-9]{0,15})$/;

/** Reads `"<epoch>:<seq>"`; null for anything that `formatCursor` would not have written. */
export function parseCursor(text: string): Cursor | null {
  const colon = text.indexOf(':');
  const epoch = text.slice(0, Math.max(colon, 0));
  const digits = text.slice(colon + 1);
  if (!EPOCH_PATTERN.test(epoch) || !SEQ_PATTERN.test(digits)) return null;
  const seq = Number(digits);
  return Number.isSafeInteger(seq) ? { epoch, seq } : null;
}

/** `"<epoch>:<seq>"`, which is also the `id` of a durable event. */
export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}:${seq}`;
}
