import type { Redaction } from './tool';

const HIDDEN = '[hidden]';
const LONGEST_SUMMARY = 200;

/** The arguments as the user sees them. */
export function shownArguments(args: unknown, { arguments: names = [] }: Redaction): unknown {
  if (names.length === 0) return args;
  return JSON.parse(
    JSON.stringify(args ?? {}, (key, value: unknown) => (key !== '' && names.includes(key) ? HIDDEN : value)),
  ) as unknown;
}

/** The result in a line, as the user sees it. */
export function shownResult(text: string, { result: hidden = false }: Redaction): string {
  const [first = ''] = text.trimStart().split('\n', 1);
  if (!hidden && text.length <= LONGEST_SUMMARY && first.length === text.trim().length) return first;
  const size = `${text.length} characters`;
  return hidden || first === '' ? size : `${first.slice(0, LONGEST_SUMMARY)} … (${size})`;
}
