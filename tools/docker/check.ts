import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { settings } from '../../src/config/settings';
import { checkCompose } from './compose-rules';
import { parseDockerfile } from './dockerfile';
import { checkDockerfile } from './dockerfile-rules';
import { parseYaml } from './yaml';

/** `npm run check:docker`: reads docker/Dockerfile and docker/compose.yaml; prints what is wrong and exits 1. */
const ROOT = resolve(__dirname, '../..');
const sections: Record<string, { name: string }>[] = Object.values(settings);
const names = new Set(sections.flatMap((section) => Object.values(section).map(({ name }) => name)));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const problems = [
  ...checkDockerfile(parseDockerfile(read('docker/Dockerfile')), {
    settings: names,
    exists: (path) => existsSync(join(ROOT, path)),
  }).map((problem) => `docker/Dockerfile ${problem}`),
  ...checkCompose(parseYaml(read('docker/compose.yaml')), names, 'clarion').map(
    (problem) => `docker/compose.yaml ${problem}`,
  ),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
