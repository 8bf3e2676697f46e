import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { environmentOf, execForm, type Instruction, type Stage } from '../../tools/docker/dockerfile';

const ROOT = resolve(__dirname, '../..');
const STEP_LIMIT_MS = 240_000;

/** What a container of the image would be, as a directory and plain processes. */
export interface BuiltImage {
  /** Stands for `/`. */
  readonly root: string;
  readonly workdir: string;
  /** Paths of the image in it point into `root`. */
  readonly environment: Record<string, string>;
  readonly account: { uid: number; gid: number };
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  remove(): void;
}

/**
 * Does what `docker build` does, without a kernel's help: every stage is a directory, COPY copies what git knows of this
 * repository, RUN runs the very line in a shell, on this machine's Node.
 */
export function buildImage(stages: readonly Stage[]): BuiltImage {
  const base = mkdtempSync(join(tmpdir(), 'clarion-image-'));
  chmodSync(base, 0o755);
  const remove = (): void => rmSync(base, { recursive: true, force: true });
  try {
    const context = join(base, 'context');
    copyRepository(context);
    const built = new Map<string, string>();
    for (const [index, stage] of stages.entries()) {
      const root = join(base, stage.name || `stage${index}`);
      built.set(stage.name, root);
      new StageBuild(root, context, built).run(stage);
    }
    return { ...describe(stages.at(-1) as Stage, built.get('') as string), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The build context: what a clean clone has, and what is about to be committed. */
function copyRepository(context: string): void {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  for (const file of files) if (file !== '') cpSync(join(ROOT, file), join(context, file), { force: true });
}

class StageBuild {
  private workdir: string;

  constructor(
    private readonly root: string,
    private readonly context: string,
    private readonly built: ReadonlyMap<string, string>,
  ) {
    this.workdir = root;
    mkdirSync(root);
  }

  run(stage: Stage): void {
    for (const instruction of stage.instructions) {
      if (instruction.name === 'WORKDIR')
        mkdirSync((this.workdir = this.inside(instruction.text)), { recursive: true });
      if (instruction.name === 'COPY') this.copy(instruction);
      if (instruction.name === 'RUN') runStep(instruction.text, this.workdir);
    }
  }

  private copy({ flags, text }: Instruction): void {
    const { from, chown } = flags;
    const source = from === undefined ? this.context : (this.built.get(from) as string);
    const words = text.split(/\s+/);
    const target = words.pop() as string;
    for (const word of words) {
      const to = this.inside(target.endsWith('/') ? target + basename(word) : target);
      // What one stage hands to the next is moved: node_modules alone would take half a minute on a busy machine.
      if (from === undefined) cpSync(join(source, word), to, { recursive: true, verbatimSymlinks: true });
      else move(join(source, word), to);
      if (chown !== undefined && isRoot()) {
        const [uid, gid] = chown.split(':').map(Number);
        chownSync(to, uid as number, gid as number);
      }
    }
  }

  private inside(path: string): string {
    return path.startsWith('/') ? join(this.root, path) : join(this.workdir, path);
  }
}

function move(source: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  renameSync(source, to);
}

function runStep(command: string, cwd: string): void {
  const { HOME = tmpdir() } = process.env;
  const env = { HOME, PATH: pathOfNode(), npm_config_prefer_offline: 'true' };
  execFileSync('sh', ['-c', command], { cwd, env, stdio: 'pipe', timeout: STEP_LIMIT_MS });
}

/** The image's Node is the one that runs the tests. */
export function pathOfNode(): string {
  return [dirname(process.execPath), ...(process.env.PATH ?? '').split(delimiter)].join(delimiter);
}

function describe(stage: Stage, root: string): Omit<BuiltImage, 'remove'> {
  const textOf = (wanted: string): string => stage.instructions.find(({ name }) => name === wanted)?.text ?? '';
  const environment = Object.entries(environmentOf(stage)).map(([key, value]) => [
    key,
    value.startsWith('/') ? join(root, value) : value,
  ]);
  const [uid, gid] = textOf('USER').split(':').map(Number);
  const self = { uid: process.getuid?.() as number, gid: process.getgid?.() as number };
  return {
    root,
    workdir: join(root, textOf('WORKDIR')),
    environment: Object.fromEntries(environment) as Record<string, string>,
    account: isRoot() ? { uid: uid as number, gid: gid as number } : self,
    command: execForm(textOf('CMD')) ?? [],
    healthCheck: execForm(textOf('HEALTHCHECK').replace(/^CMD /, '')) ?? [],
  };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
