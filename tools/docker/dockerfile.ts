/** One instruction of a Dockerfile, with its flags (`--from=build`) taken apart. */
export interface Instruction {
  readonly line: number;
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly text: string;
}

/** A stage: its base image, its name after AS, and its instructions without FROM. */
export interface Stage {
  readonly line: number;
  readonly image: string;
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/**
 * Reads a Dockerfile of the plain kind: no here-documents, no parser directives.
 * @throws Error naming the line that is no instruction, or comes before the first FROM
 */
export function parseDockerfile(source: string): Stage[] {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const instruction of instructionsOf(source)) {
    const { name, text, line } = instruction;
    if (name === 'FROM') {
      const [, image = '', alias = ''] = /^(\S+)(?: +AS +(\S+))?$/i.exec(text) ?? [];
      stages.push({ line, image, name: alias, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (!stage) throw new Error(`line ${line}: ${name} stands before the first FROM`);
    stage.instructions.push(instruction);
  }
  return stages;
}

function* instructionsOf(source: string): Generator<Instruction> {
  let pending = '';
  let start = 0;
  for (const [index, raw] of source.split('\n').entries()) {
    if (/^\s*(#|$)/.test(raw)) continue;
    if (pending === '') start = index + 1;
    pending += raw.replace(/\\\s*$/, ' ');
    if (/\\\s*$/.test(raw)) continue;
    yield instructionOf(pending.trim(), start);
    pending = '';
  }
  if (pending !== '') throw new Error(`line ${start}: the file ends in the middle of an instruction`);
}

function instructionOf(text: string, line: number): Instruction {
  const [, name = '', flagTexts = '', rest = ''] = /^([A-Za-z]+)((?:\s+--[a-z-]+(?:=\S+)?)*)\s+(.+)$/.exec(text) ?? [];
  if (name === '') throw new Error(`line ${line}: not an instruction: ${text}`);
  const flags = flagTexts
    .trim()
    .split(/\s+/)
    .filter((flag) => flag !== '');
  return { line, name: name.toUpperCase(), flags: Object.fromEntries(flags.map(flagOf)), text: rest };
}

function flagOf(flag: string): [string, string] {
  const [name = '', ...value] = flag.slice(2).split('=');
  return [name, value.join('=')];
}

/** The words of an exec form (`["node", "main.js"]`); null for the shell form. */
export function execForm(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  const words: unknown = JSON.parse(text);
  return Array.isArray(words) && words.every((word) => typeof word === 'string') ? words : null;
}

/** The pairs of an ENV instruction, which this reader wants without quotes or spaces. */
export function environmentOf(stage: Stage): Record<string, string> {
  const pairs = stage.instructions.filter(({ name }) => name === 'ENV').flatMap(({ text }) => text.split(/\s+/));
  return Object.fromEntries(pairs.map((pair) => [pair.replace(/=.*$/, ''), pair.replace(/^[^=]*=?/, '')]));
}
