const MAX_DEPTH = 6;
const MAX_ENTRIES = 50;
const MAX_TEXT = 2_000;
const MAX_TOTAL = 16_000;

/** Names of fields whose values are secrets wherever they appear. */
const SECRET_FIELD =
  /^(?:(?:proxy-)?authorization|(?:set-)?cookie|(?:.*_)?token|password|(?:.*_)?secret|api_?key|jwt)$/i;

type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/**
 * A bounded copy of anything as JSON that logs and PostgreSQL's jsonb take: no secrets, no U+0000, no lone surrogates, no cycles.
 * What is left out says so. May throw what a getter of the value throws.
 */
export function plainObject(value: Record<string, unknown>): Record<string, Plain> {
  return new Copy().object(value, MAX_DEPTH);
}

/** A text of at most `max` UTF-16 units that PostgreSQL takes, with tokens and passwords masked. */
export function plainText(text: string, max = MAX_TEXT): string {
  const masked = text
    .slice(0, max * 2)
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '[jwt]')
    .replace(/([?&](?:\w*_)?token=)[^&#\s"]+/gi, '$1[redacted]')
    .replace(/(:\/\/[^\s:/@]*:)[^\s@/]+@/g, '$1[redacted]@')
    .replaceAll('\u0000', '\uFFFD');
  const cut = masked.length > max ? `${masked.slice(0, max - 1)}…` : masked;
  return cut.toWellFormed();
}

class Copy {
  private left = MAX_TOTAL;

  object(value: object, depth: number): Record<string, Plain> {
    const entries = Object.entries(value).filter(([, member]) => member !== undefined && typeof member !== 'function');
    const copied = entries
      .slice(0, MAX_ENTRIES)
      .map(([key, member]) => [
        plainText(key, 100),
        SECRET_FIELD.test(key) && member !== null ? '[redacted]' : this.value(member, depth - 1),
      ]);
    const omitted = entries.length - copied.length;
    return Object.fromEntries(omitted > 0 ? [...copied, ['…', `${omitted} more`]] : copied) as Record<string, Plain>;
  }

  private value(value: unknown, depth: number): Plain {
    if (value === null || value === undefined) return null;
    if (typeof value === 'boolean') return value;
    if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object') return this.text((value as bigint | symbol).toString());
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof Error) return this.text(`${value.name}: ${value.message}`);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (depth <= 0 || this.left <= 0) return '[…]';
    return Array.isArray(value) ? this.array(value, depth) : this.object(value, depth);
  }

  private array(value: unknown[], depth: number): Plain[] {
    const copied = value.slice(0, MAX_ENTRIES).map((member) => this.value(member, depth - 1));
    return value.length > MAX_ENTRIES ? [...copied, `… ${value.length - MAX_ENTRIES} more`] : copied;
  }

  private text(text: string): string {
    if (this.left <= 0) return '[…]';
    const copied = plainText(text);
    this.left -= copied.length;
    return copied;
  }
}
