/** Whether text from a client may be stored: well-formed UTF-16 without U+0000, which PostgreSQL refuses. */
export function isAcceptableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** The largest position not beyond `end` (nor the text) at which cutting `text` splits no surrogate pair. */
export function splitSafeEnd(text: string, end: number): number {
  const limit = Math.max(0, Math.min(end, text.length));
  const splitsPair = isHighSurrogate(text.charCodeAt(limit - 1)) && isLowSurrogate(text.charCodeAt(limit));
  return splitsPair ? limit - 1 : limit;
}

/** The length of `text` in bytes of UTF-8; a lone surrogate counts as the three bytes of its replacement. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
