import type { ClientSocket } from './session';

/** Socket.IO's EVENT in the default namespace, and Engine.IO's MESSAGE before it. */
const EVENT = '2';
const MESSAGE = '4';
/** What stands between two messages in what long-polling answers; JSON has none of it. */
const SEPARATOR = '\x1e';
const NEXT_MESSAGE = SEPARATOR + MESSAGE;
const FINAL_TEXT_FRAME = 0x81;
const SHORT = 125;
const MEDIUM = 0xffff;
const LONGEST_HEADER = 10;

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
    latest = { payload, text, options: { wsPreEncodedFrame: [framesOf(text)] } };
  }
  conn.write(latest.text, latest.options as object);
}

/** Emits events of the default namespace, in their order, whose payloads are JSON already: one packet to Engine.IO, and to the client as many as they are. */
export function emitAll(conn: ClientSocket['conn'], events: readonly EncodedEvent[]): void {
  const text = events.map(packetOf).join(NEXT_MESSAGE);
  conn.write(text, { wsPreEncodedFrame: [framesOf(text)] } as object);
}

function packetOf({ name, json }: EncodedEvent): string {
  return `${EVENT}["${name}",${json}]`;
}

/** Frames by RFC 6455 section 5.2, unmasked, each in one piece with its header. @param text messages, but for the first's MESSAGE */
function framesOf(text: string): Buffer {
  const messages = Buffer.from(MESSAGE + text);
  const ends = endsOf(messages);
  const frames = Buffer.allocUnsafe(messages.length + ends.length * LONGEST_HEADER);
  let at = 0;
  let from = 0;
  for (const end of ends) {
    at = writeHeader(frames, at, end - from);
    at += messages.copy(frames, at, from, end);
    from = end + 1;
  }
  return frames.subarray(0, at);
}

function endsOf(messages: Buffer): number[] {
  const ends: number[] = [];
  const separator = SEPARATOR.charCodeAt(0);
  for (let end = messages.indexOf(separator); end >= 0; end = messages.indexOf(separator, end + 1)) ends.push(end);
  ends.push(messages.length);
  return ends;
}

/** @returns the place after it */
function writeHeader(frames: Buffer, at: number, length: number): number {
  const header = length <= SHORT ? 2 : length <= MEDIUM ? 4 : LONGEST_HEADER;
  frames[at] = FINAL_TEXT_FRAME;
  frames[at + 1] = header === 2 ? length : header === 4 ? 126 : 127;
  if (header === 4) frames.writeUInt16BE(length, at + 2);
  if (header === LONGEST_HEADER) frames.writeBigUInt64BE(BigInt(length), at + 2);
  return at + header;
}
