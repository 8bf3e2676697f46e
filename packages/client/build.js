'use strict';

/**
 * Builds what is published: one bundle as ES module and one as CommonJS, the protocol inside, and declarations that stand alone.
 * Does nothing where nothing has changed. Prints the size of the ES module, minified and compressed, without socket.io-client.
 */
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');
const { gzipSync } = require('node:zlib');
const { buildSync } = require('esbuild');

const PROTOCOL = resolve(__dirname, '../protocol');
const DIST = join(__dirname, 'dist');
const FORMATS = { esm: 'module', cjs: 'commonjs' };

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Whether the last output is younger than every source. */
function isCurrent() {
  const last = join(DIST, 'cjs/index.js');
  if (!existsSync(last)) return false;
  const sources = [...filesBelow(join(__dirname, 'src')), ...filesBelow(join(PROTOCOL, 'src')), __filename];
  const youngest = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  return youngest < statSync(last).mtimeMs;
}

function bundle(format, options = {}) {
  return buildSync({
    entryPoints: [join(__dirname, 'src/index.ts')],
    outfile: join(DIST, format, 'index.js'),
    alias: { '@clarion/protocol': join(PROTOCOL, 'src/index.ts') },
    external: ['socket.io-client'],
    bundle: true,
    format,
    platform: 'neutral',
    target: 'es2022',
    tsconfigRaw: {},
    sourcemap: true,
    legalComments: 'none',
    ...options,
  });
}

/** Declarations name other files as Node wants it, and those of the protocol lie beside them. */
function declarationsOf(folder, protocol) {
  return Object.fromEntries(
    readdirSync(folder)
      .filter((name) => name.endsWith('.d.ts') && !name.startsWith('schemas'))
      .map((name) => {
        const text = readFileSync(join(folder, name), 'utf8')
          .replace(/(from |import\()(['"])(\.\/[^'"]+)\2/g, "$1'$3.js'")
          .replace(/(['"])@clarion\/protocol\1/g, `'${protocol}'`)
          .replace(/^\/\/# sourceMappingURL=.*$/m, '');
        return [name, text];
      }),
  );
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function build() {
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-b', __dirname], { stdio: 'inherit' });
  const own = declarationsOf(join(DIST, 'types'), './protocol/index.js');
  const protocol = declarationsOf(join(PROTOCOL, 'dist'), '');
  for (const [format, type] of Object.entries(FORMATS)) {
    rmSync(join(DIST, format), { recursive: true, force: true });
    for (const [name, text] of Object.entries(own)) write(join(DIST, format, name), text);
    for (const [name, text] of Object.entries(protocol)) write(join(DIST, format, 'protocol', name), text);
    write(join(DIST, format, 'package.json'), `${JSON.stringify({ type, sideEffects: false })}\n`);
    bundle(format);
  }
  const [{ contents }] = bundle('esm', { write: false, minify: true, sourcemap: false }).outputFiles;
  const kilobytes = (bytes) => (bytes / 1024).toFixed(1);
  process.stdout.write(
    `@clarion/client: ${kilobytes(contents.length)} KB minified, ${kilobytes(gzipSync(contents).length)} KB compressed\n`,
  );
}

if (!isCurrent()) build();
