import { isAcceptableText } from '@clarion/protocol';
import { ComponentError } from '../errors';

const MAX_DEPTH = 16;
const MAX_NODES = 20_000;
const FORBIDDEN_KEYS = new Set(['__proto__']);

/**
 * Refuses what no schema should have to deal with: binary, deep nesting, `__proto__`, U+0000 and lone surrogates.
 * @throws ComponentError BINARY_NOT_SUPPORTED, PAYLOAD_TOO_DEEP, PAYLOAD_KEY_FORBIDDEN, TEXT_INVALID, PAYLOAD_INVALID
 */
export function guardPayload(payload: unknown): void {
  const open: { value: unknown; depth: number }[] = [{ value: payload, depth: 0 }];
  for (let nodes = 0; open.length > 0; nodes += 1) {
    if (nodes > MAX_NODES)
      throw ComponentError.messageHandler('PAYLOAD_INVALID', {
        details: { issues: [`more than ${MAX_NODES} values`] },
      });
    const { value, depth } = open.pop() as { value: unknown; depth: number };
    if (depth > MAX_DEPTH)
      throw ComponentError.messageHandler('PAYLOAD_TOO_DEEP', { details: { max_depth: MAX_DEPTH } });
    if (typeof value === 'string') guardText(value);
    if (typeof value !== 'object' || value === null) continue;
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
      throw ComponentError.messageHandler('BINARY_NOT_SUPPORTED');
    for (const key of Object.keys(value)) guardKey(key);
    for (const inner of Object.values(value)) open.push({ value: inner, depth: depth + 1 });
  }
}

function guardText(text: string): void {
  if (!isAcceptableText(text)) throw ComponentError.messageHandler('TEXT_INVALID');
}

function guardKey(key: string): void {
  guardText(key);
  if (FORBIDDEN_KEYS.has(key)) throw ComponentError.messageHandler('PAYLOAD_KEY_FORBIDDEN', { details: { key } });
}
