import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { envExample } from '../config';

/** `npm run env:example` writes `.env.example`; with `--check` it compares and exits 1 on a difference. */
const file = resolve(__dirname, '../../.env.example');
const expected = envExample();
if (!process.argv.includes('--check')) {
  writeFileSync(file, expected);
} else if (readFileSync(file, 'utf8') !== expected) {
  process.stderr.write('.env.example differs from src/config/settings.ts: run `npm run env:example`.\n');
  process.exitCode = 1;
}
