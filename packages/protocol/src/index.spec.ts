import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  closeCode,
  CLIENT_EVENT_NAMES,
  COMPONENT_BY_CODE,
  CRITICAL_EVENTS,
  DURABLE_EVENT_TYPES,
  ERROR_CODES,
  SUPPORT_CODE_PATTERN,
} from './index';

/** The packages that a source file imports, itself or through its relative imports, and the files it went through. */
function importsOf(entry: string): { packages: Set<string>; files: Set<string> } {
  const found = { packages: new Set<string>(), files: new Set<string>() };
  const pending = [entry];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.files.has(file)) continue;
    found.files.add(file);
    for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import|require\()\s*'([^']+)'/g)) {
      if (specifier.startsWith('.')) pending.push(sourceOf(join(dirname(file), specifier)));
      else found.packages.add(specifier);
    }
  }
  return found;
}

function sourceOf(path: string): string {
  const file = `${path}.ts`;
  if (!existsSync(file)) throw new Error(`No source for ${path}`);
  return file;
}

describe('the two entries', () => {
  it('keeps the first free of zod and of every other package', () => {
    const { packages, files } = importsOf(join(__dirname, 'index.ts'));
    expect([...packages]).toEqual([]);
    expect(files).toContain(join(__dirname, 'answer.ts'));
  });

  it('has only zod in the second', () => {
    expect([...importsOf(join(__dirname, 'schemas.ts')).packages]).toEqual(['zod']);
  });
});

describe('constants', () => {
  it('names every code of section 5 and every event of sections 2 and 3', () => {
    const document = readFileSync(join(__dirname, '../../../docs/PROTOCOL.md'), 'utf8');
    const rows = [...document.matchAll(/^\| `?(\w+)`? \| `([A-Z]\w+)` \|/gm)].map(([, code, name]) => [
      Number(code),
      name,
    ]);
    expect(rows).toEqual(ERROR_CODES.map((code) => [code, COMPONENT_BY_CODE[code]]));
    const named = (heading: RegExp) =>
      [...section(document, heading).matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(named(/^## 2\./m)).toEqual(CLIENT_EVENT_NAMES);
    expect(named(/^## 3\./m)).toEqual(DURABLE_EVENT_TYPES);
  });

  it('calls critical what section 3 does', () => {
    const document = readFileSync(join(__dirname, '../../../docs/PROTOCOL.md'), 'utf8');
    const sentence = /`critical` is true for ([^.]+)\./.exec(document)?.[1] ?? '';
    expect(new Set([...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name))).toEqual(CRITICAL_EVENTS);
  });

  it('gives the close codes of section 6', () => {
    expect([closeCode(1002, true), closeCode(1011, true)]).toEqual([4002, 4011]);
    expect([closeCode(1002, false), closeCode(1011, false)]).toEqual([4502, 4511]);
  });

  it('reads support codes of the documented form only', () => {
    expect('DATABASE_UNAVAILABLE_7K3F9QXM').toMatch(SUPPORT_CODE_PATTERN);
    for (const wrong of ['DATABASE_UNAVAILABLE', 'X_7K3F9QXI', 'x_7K3F9QXM', '_7K3F9QXM', 'X_7K3F9QXMM ']) {
      expect(wrong).not.toMatch(SUPPORT_CODE_PATTERN);
    }
  });
});

function section(document: string, heading: RegExp): string {
  const rest = document.slice(document.search(heading) + 3);
  return rest.slice(0, rest.search(/^## /m));
}
