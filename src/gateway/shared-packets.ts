import type { ClientSocket } from './session';

/** Socket.IO's EVENT in the default namespace, and Engine.IO's MESSAGE before it. */
const EVENT = '2';
const MESSAGE = '4';
const FINAL_TEXT_FRAME = 0x81;
const SHORT = 125;
const MEDIUM = 0xffff;

/** What Engine.IO's WebSocket transport sends as it is; long-polling takes the text. */
interface FrameOptions {
  readonly wsPreEncodedFrame: readonly [Buffer];
}

let latest: { readonly payload: object; readonly text: string; readonly options: FrameOptions } | null = null;

/** Emits an event of the default namespace. What goes to several connections, one after the other, is encoded once. */
export function emitShared(conn: ClientSocket['conn'], name: string, payload: object): void {
  if (latest?.payload !== payload) {
    const text = EVENT + JSON.stringify([name, payload]);
    latest = { payload, text, options: { wsPreEncodedFrame: [frameOf(MESSAGE + text)] } };
  }
  conn.write(latest.text, latest.options as object);
}

/** RFC 6455 section 5.2, unmasked, in one piece with its header. */
function frameOf(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header = length <= SHORT ? 2 : length <= MEDIUM ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = FINAL_TEXT_FRAME;
  if (header === 2) frame[1] = length;
  else if (header === 4) frame.writeUInt16BE(length, 2);
  else frame.writeBigUInt64BE(BigInt(length), 2);
  if (header > 2) frame[1] = header === 4 ? 126 : 127;
  frame.write(text, header);
  return frame;
}
