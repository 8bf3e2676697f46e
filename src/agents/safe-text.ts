const HIGH_SURROGATE_AT_END = /[\uD800-\uDBFF]$/;

/** Text that PostgreSQL and every client take: lone surrogates and U+0000 become U+FFFD. The length stays. */
export function safeText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

export function endsInHighSurrogate(text: string): boolean {
  return HIGH_SURROGATE_AT_END.test(text);
}

/** Safe text of at most `limit` UTF-16 units; what was cut shows as an ellipsis, no surrogate pair is split. */
export function boundedText(text: string, limit: number): string {
  if (text.length <= limit) return safeText(text);
  const cut = text.slice(0, limit - 1);
  return `${safeText(endsInHighSurrogate(cut) ? cut.slice(0, -1) : cut)}…`;
}

/** A JSON object that jsonb takes, of at most `limit` UTF-16 units serialised; a larger one becomes `{truncated, preview}`. */
export function boundedObject(value: unknown, limit: number): Record<string, unknown> {
  const json = JSON.stringify(value, safeValue) ?? '{}';
  if (json.length > limit) return { truncated: true, preview: boundedText(json, Math.floor(limit / 2) - 32) };
  const parsed: unknown = JSON.parse(json);
  return isObject(parsed) ? parsed : { value: parsed };
}

/** The same object as jsonb takes it. @throws TypeError where JSON cannot say it */
export function safeObject<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value, safeValue)) as T;
}

function safeValue(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return safeText(value);
  if (typeof value === 'bigint') return value.toString();
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [safeText(key), inner]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
