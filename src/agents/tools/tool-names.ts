export const TOOL_NAME = /^[\w-]{1,64}$/;

/** Whether an entry of an allow-list names the tool: its exact name, or the beginning of it with a `*` at the end. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
