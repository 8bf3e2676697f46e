import type { ClientSocket } from './session';

/** Socket.IO's EVENT in the default namespace, and Engine.IO's MESSAGE before it. */
const EVENT = '2';
const MESSAGE = '4';
/** What stands between two messages in what long-polling answers; JSON has none of it. */
const NEXT_MESSAGE = `\x1e${MESSAGE}`;
const FINAL_TEXT_FRAME = 0x81;
const SHORT = 125;
const MEDIUM = 0xffff;

interface EncodedEvent {
  readonly name: string;
  readonly json: string;
}

/** What Engine.IO's WebSocket transport sends as it is; long-polling takes the text. */
interface FrameOptions {
  readonly wsPreEncodedFrame: readonly [Buffer];
}

let latest: { readonly payload: object; readonly text: string; readonly options: FrameOptions } | null = null;

/** Emits an event of the default namespace. What goes to several connections, one after the other, is encoded once. */
export function emitShared(conn: ClientSocket['conn'], name: string, payload: object): void {
  if (latest?.payload !== payload) {
    const text = packetOf({ name, json: JSON.stringify(payload) });
    latest = { payload, text, options: { wsPreEncodedFrame: [framesOf([text])] } };
  }
  conn.write(latest.text, latest.options as object);
}

/** Emits events of the default namespace, in their order, whose payloads are JSON already: one packet to Engine.IO, and to the client as many as they are. */
export function emitAll(conn: ClientSocket['conn'], events: readonly EncodedEvent[]): void {
  const texts = events.map(packetOf);
  conn.write(texts.join(NEXT_MESSAGE), { wsPreEncodedFrame: [framesOf(texts)] } as object);
}

function packetOf({ name, json }: EncodedEvent): string {
  return `${EVENT}["${name}",${json}]`;
}

/** Frames by RFC 6455 section 5.2, unmasked, each in one piece with its header. */
function framesOf(texts: readonly string[]): Buffer {
  const lengths = texts.map((text) => MESSAGE.length + Buffer.byteLength(text));
  let size = 0;
  for (const length of lengths) size += headerOf(length) + length;
  const frames = Buffer.allocUnsafe(size);
  let at = 0;
  for (const [index, text] of texts.entries()) {
    at = writeHeader(frames, at, lengths[index] ?? 0);
    frames[at] = MESSAGE.charCodeAt(0);
    at += MESSAGE.length + frames.write(text, at + MESSAGE.length);
  }
  return frames;
}

function headerOf(length: number): number {
  return length <= SHORT ? 2 : length <= MEDIUM ? 4 : 10;
}

/** @returns the place after it */
function writeHeader(frames: Buffer, at: number, length: number): number {
  const header = headerOf(length);
  frames[at] = FINAL_TEXT_FRAME;
  frames[at + 1] = header === 2 ? length : header === 4 ? 126 : 127;
  if (header === 4) frames.writeUInt16BE(length, at + 2);
  if (header === 10) frames.writeBigUInt64BE(BigInt(length), at + 2);
  return at + header;
}
