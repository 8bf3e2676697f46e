import { isAcceptableText } from '../text';

export interface JsonMeasure {
  /** Whether the value's JSON has at most the asked number of characters. */
  fits: boolean;
  /** Whether every text and key that was seen before the limit is acceptable. */
  textsAcceptable: boolean;
}

/**
 * Measures a value as JSON would write it. Walks without recursion and stops at the limit: a deeply nested or huge value costs no
 * stack and no more time than the limit is long, where `JSON.stringify` would throw.
 */
export function measureJson(root: unknown, maxChars: number): JsonMeasure {
  const pending: unknown[] = [root];
  let chars = 0;
  let textsAcceptable = true;
  while (pending.length > 0 && chars <= maxChars) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null) {
      chars += leafChars(value, maxChars);
      textsAcceptable &&= typeof value !== 'string' || isAcceptableText(value);
      continue;
    }
    const children: unknown[] = Array.isArray(value) ? value : Object.values(value);
    const keys = Array.isArray(value) ? [] : Object.keys(value);
    chars += 2 + Math.max(0, children.length - 1);
    if (chars > maxChars) break;
    for (const key of keys) {
      chars += leafChars(key, maxChars) + 1;
      textsAcceptable &&= isAcceptableText(key);
    }
    for (const child of children) pending.push(child);
  }
  return { fits: chars <= maxChars, textsAcceptable };
}

function leafChars(value: unknown, maxChars: number): number {
  if (typeof value === 'string' && value.length > maxChars) return value.length;
  return (JSON.stringify(value) ?? 'null').length;
}
