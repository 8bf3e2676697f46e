/** A time as people read it: `12 ms`, `3.4 s`, `2 min 5 s`. */
export function duration(ms: number | null): string {
  if (ms === null) return 'unknown';
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `Name:   value` under each other; what is null is left out. */
export function fields(pairs: Readonly<Record<string, string | null>>): string[] {
  const shown = Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== null);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${printable(value)}`);
}

/** A heading and its lines; nothing where there are none. */
export function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${printable(line)}`)];
}

/** What a terminal would obey is shown instead: what is looked up may quote anybody. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
