import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadConfigFromProcess } from '../config';
import { schemaDifference } from '../persistence';

/**
 * `npm run migration:make -- <name>`: writes a migration that brings the migrated database at DATABASE_URL to what the entities declare.
 * Read it, then name it in `migrations/index.ts`.
 */
async function main(): Promise<void> {
  const [name] = process.argv.slice(2);
  const url = loadConfigFromProcess().persistence.databaseUrl;
  if (name === undefined || url === undefined)
    throw new Error('Usage: DATABASE_URL=… npm run migration:make -- <name>');
  const { up, down } = await schemaDifference(url);
  const id = Date.now();
  const className = `${name.replaceAll(/(^|-)(\w)/g, (_match, _dash, letter: string) => letter.toUpperCase())}${id}`;
  const file = resolve(__dirname, `../../src/persistence/migrations/${id}-${name}.ts`);
  writeFileSync(file, migrationText(className, up, down.reverse()));
  process.stdout.write(`${file}\n`);
}

function migrationText(className: string, up: string[], down: string[]): string {
  const body = (queries: string[]): string =>
    queries.map((query) => `    await runner.query(\`${query}\`);`).join('\n');
  return `import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ${className} implements MigrationInterface {
  readonly name = '${className}';

  async up(runner: QueryRunner): Promise<void> {
${body(up)}
  }

  async down(runner: QueryRunner): Promise<void> {
${body(down)}
  }
}
`;
}

void main();
