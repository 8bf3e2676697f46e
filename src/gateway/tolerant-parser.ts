import { Decoder, Encoder, PacketType } from 'socket.io-parser';

/** The name of the event, or the field of the handshake, as which an undecodable packet goes on; as U+0000 is refused, no client can send it. */
export const UNDECODABLE = '\0undecodable';

/** Turns a packet that cannot be decoded into one that is refused, where Socket.IO would close the connection without a word. */
class TolerantDecoder extends Decoder {
  override add(packet: unknown): void {
    try {
      super.add(packet);
    } catch (error) {
      this.reportUndecodable(packet, error);
    }
  }

  /** To the handshake or the dispatcher, which report and answer it. What was being put together is lost with the packet that broke it. */
  private reportUndecodable(packet: unknown, error: unknown): void {
    this.destroy();
    const problem = problemOf(error);
    const connects = typeof packet === 'string' && packet.startsWith(String(PacketType.CONNECT));
    this.emitReserved(
      'decoded',
      connects
        ? { type: PacketType.CONNECT, nsp: '/', data: { [UNDECODABLE]: problem } }
        : { type: PacketType.EVENT, nsp: '/', data: [UNDECODABLE, problem] },
    );
  }
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'unknown';
}

export const tolerantParser = { Encoder, Decoder: TolerantDecoder };
