import { endsInHighSurrogate, safeText } from './safe-text';

/** A piece of the answer; `index` is its position in it, in UTF-16 units. */
export interface TextPiece {
  index: number;
  text: string;
}

/**
 * Makes an agent's text safe to stream and to store: lone surrogates and U+0000 become U+FFFD, and no piece ends within a
 * surrogate pair (half of one waits for the next piece). The pieces joined are the answer.
 */
export class TextStream {
  private held = '';
  private index: number;

  /** `index`: where the answer already stands, for an attempt that continues one. */
  constructor(index = 0) {
    this.index = index;
  }

  /** Position of the next piece: the length of what has come out. */
  get position(): number {
    return this.index;
  }

  /** The next piece, or null where nothing can go out yet. */
  push(text: string): TextPiece | null {
    const whole = this.held + text;
    const end = endsInHighSurrogate(whole) ? whole.length - 1 : whole.length;
    this.held = whole.slice(end);
    return this.emit(whole.slice(0, end));
  }

  /** What was held back; call it once, at the end. */
  flush(): TextPiece | null {
    const { held } = this;
    this.held = '';
    return this.emit(held);
  }

  private emit(raw: string): TextPiece | null {
    if (raw === '') return null;
    const piece = { index: this.index, text: safeText(raw) };
    this.index += piece.text.length;
    return piece;
  }
}
