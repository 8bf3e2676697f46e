import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** False on a machine without Chromium, said loudly; `CLARION_FORBID_SKIP` makes that a failure. */
export function browserIsHere(): boolean {
  if (existsSync(EXECUTABLE)) return true;
  const message = `SKIPPED: no Chromium at ${EXECUTABLE}, the browser tests did not run`;
  if (process.env.CLARION_FORBID_SKIP) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/** A fresh browser profile for `work`. */
export async function withBrowser<T>(work: (browser: BrowserContext) => Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), 'clarion-browser-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: ARGUMENTS,
    headless: true,
  });
  try {
    return await work(browser);
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}
