import { environmentOf, execForm, type Instruction, type Stage } from './dockerfile';
import { isPinned } from './image';

/** What the rules compare the Dockerfile with. */
export interface Surroundings {
  /** Names of all settings in src/config. */
  readonly settings: ReadonlySet<string>;
  /** Whether the repository, as built, has a file or folder. */
  exists(path: string): boolean;
}

const KNOWN = new Set(
  'ARG CMD COPY ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL RUN STOPSIGNAL USER VOLUME WORKDIR'.split(' '),
);
const NOT_ROOT = /^[1-9]\d*(:[1-9]\d*)?$/;
/** Of the base image, set for Node itself. */
const NOT_OURS = new Set(['PATH', 'NODE_OPTIONS']);

/** What is wrong with a Dockerfile, one line each; nothing when all is well. */
export function checkDockerfile(stages: readonly Stage[], around: Surroundings): string[] {
  const final = stages.at(-1);
  if (!final) return ['has no stage'];
  return [
    ...stages.filter(({ image }) => !isPinned(image)).map(({ line, image }) => `${line}: ${image} names no version`),
    ...stages.flatMap((stage) => stage.instructions.flatMap((instruction) => checkInstruction(instruction, around))),
    ...stages.flatMap((stage, index) => checkCopies(stage, stages.slice(0, index), around)),
    ...checkFinal(final, around),
  ];
}

function checkInstruction({ name, text, line }: Instruction, around: Surroundings): string[] {
  const problems: string[] = [];
  if (!KNOWN.has(name)) problems.push(`${name} is not used here`);
  if (name === 'RUN' && /\bnpm (install|i)\b/.test(text)) problems.push('npm ci installs what the lock file says');
  if (name === 'RUN' && /\bapt(-get)? install\b/.test(text) && !text.includes('--no-install-recommends'))
    problems.push('apt-get installs more than is named: --no-install-recommends');
  const command = name === 'HEALTHCHECK' ? text.replace(/^CMD /, '') : text;
  if (['CMD', 'ENTRYPOINT', 'HEALTHCHECK'].includes(name)) problems.push(...checkCommand(command, around));
  return problems.map((problem) => `${line}: ${problem}`);
}

/** Exec form, so that signals reach the process itself; and what it runs is there. */
function checkCommand(text: string, around: Surroundings): string[] {
  const words = execForm(text);
  if (!words) return [`${text} is not in exec form`];
  const [program, file = ''] = words;
  if (program !== 'node') return [`${program} need not be in the image: use node`];
  return around.exists(file) ? [] : [`${file} does not exist`];
}

function checkCopies(stage: Stage, earlier: readonly Stage[], around: Surroundings): string[] {
  return stage.instructions
    .filter(({ name }) => name === 'COPY')
    .flatMap(({ flags, text, line }) => {
      const { from } = flags;
      if (from !== undefined)
        return earlier.some(({ name }) => name === from) ? [] : [`${line}: no earlier stage is called ${from}`];
      const sources = text.split(/\s+/).slice(0, -1);
      return sources.filter((path) => !around.exists(path)).map((path) => `${line}: ${path} does not exist`);
    });
}

function checkFinal(stage: Stage, around: Surroundings): string[] {
  const of = (wanted: string): Instruction[] => stage.instructions.filter(({ name }) => name === wanted);
  const problems: string[] = [];
  for (const name of ['CMD', 'HEALTHCHECK', 'USER'])
    if (of(name).length !== 1) problems.push(`the image wants exactly one ${name}`);
  const [user] = of('USER');
  if (user && !NOT_ROOT.test(user.text)) problems.push(`${user.line}: USER ${user.text} is no number other than 0`);
  const environment = environmentOf(stage);
  if (environment['NODE_ENV'] !== 'production') problems.push('NODE_ENV is not production');
  for (const name of Object.keys(environment))
    if (!around.settings.has(name) && !NOT_OURS.has(name)) problems.push(`${name} is no setting of src/config`);
  if (!of('VOLUME').some(({ text }) => text === environment['DATA_DIR'])) problems.push('DATA_DIR is no VOLUME');
  return problems;
}
