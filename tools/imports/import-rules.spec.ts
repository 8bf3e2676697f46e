import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '../..');

interface Violation {
  rule: { name: string };
  from: string;
  to: string;
}

/** A tree of modules: path, and what the module imports. */
const TREE: Record<string, string[]> = {
  'src/config/index.ts': [],
  'src/config/secret.ts': [],
  'src/errors/index.ts': ['../config', '../persistence'],
  'src/persistence/index.ts': ['../config', '../health'],
  'src/mailbox/index.ts': ['../persistence', '../config/secret', '../main'],
  'src/mailbox/mailbox.spec.ts': ['../config/secret', '../agents', '../../test/support/database'],
  'src/agents/index.ts': ['../mailbox', '../auth', '@clarion/protocol'],
  'src/auth/index.ts': ['./first'],
  'src/auth/first.ts': ['./second'],
  'src/auth/second.ts': ['./first'],
  'src/gateway/index.ts': ['../agents', '../../test/support/database', './missing'],
  'src/health/index.ts': [],
  'src/attic/index.ts': ['../config'],
  'src/cli/chat.ts': ['../config/secret', '../gateway'],
  'src/main.ts': [],
  'src/app.module.ts': ['./gateway', './config/secret'],
  'packages/protocol/src/index.ts': ['../../../src/config'],
  'packages/client/src/index.ts': ['@clarion/protocol', '../../../src/config'],
  'test/support/database.ts': ['../../src/config'],
};

function cruise(tree: Record<string, string[]>): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'clarion-imports-'));
  try {
    for (const [path, imports] of Object.entries(tree)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      const lines = imports.map((name, index) => `import * as m${index} from '${name}';\nexport { m${index} };\n`);
      writeFileSync(join(directory, path), lines.join(''));
    }
    const paths = { '@clarion/protocol': ['./packages/protocol/src/index.ts'] };
    writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions: { paths } }));
    writeFileSync(join(directory, 'package.json'), '{}');
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    const command = join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
    const args = [command, '--config', join(ROOT, '.dependency-cruiser.js'), '-T', 'json', 'src', 'packages', 'test'];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8', timeout: 20_000 });
    if (stdout === '') throw new Error(stderr);
    const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[] } };
    return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

it('refuses every import against the direction, past an index, in a circle, or out of the product, and no other', () => {
  expect(cruise(TREE)).toEqual([
    'client-on-protocol: packages/client/src/index.ts -> src/config/index.ts',
    'direction-agents: src/agents/index.ts -> src/auth/index.ts',
    'direction-errors: src/errors/index.ts -> src/persistence/index.ts',
    'direction-persistence: src/persistence/index.ts -> src/health/index.ts',
    'known-room: src/attic/index.ts -> src/config/index.ts',
    'no-circle: src/auth/first.ts -> src/auth/second.ts',
    'product-without-tests: src/gateway/index.ts -> test/support/database.ts',
    'protocol-alone: packages/protocol/src/index.ts -> src/config/index.ts',
    'resolvable: src/gateway/index.ts -> ./missing',
    'room-by-index: src/mailbox/index.ts -> src/config/secret.ts',
    'wiring-on-top: src/mailbox/index.ts -> src/main.ts',
  ]);
});
