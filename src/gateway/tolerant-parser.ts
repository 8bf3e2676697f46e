import { Decoder, Encoder, PacketType } from 'socket.io-parser';

/** The name under which an undecodable packet reaches the dispatcher; no client can send it, as U+0000 is refused in names. */
export const UNDECODABLE_EVENT = '\0undecodable';

/** Turns a packet that cannot be decoded into an event, where Socket.IO would close the connection without a word. */
class TolerantDecoder extends Decoder {
  override add(packet: unknown): void {
    try {
      super.add(packet);
    } catch (error) {
      this.reportUndecodable(error);
    }
  }

  /** To the dispatcher, which reports and answers it. What was being put together is lost with the packet that broke it. */
  private reportUndecodable(error: unknown): void {
    this.destroy();
    this.emitReserved('decoded', { type: PacketType.EVENT, nsp: '/', data: [UNDECODABLE_EVENT, problemOf(error)] });
  }
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'unknown';
}

export const tolerantParser = { Encoder, Decoder: TolerantDecoder };
