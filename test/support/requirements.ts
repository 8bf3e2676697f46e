/** False where what tests need is not here, said loudly; `CLARION_FORBID_SKIP` makes that a failure. */
export function isHere(here: boolean, otherwise: string): boolean {
  if (here) return true;
  const message = `SKIPPED: ${otherwise}`;
  if (process.env.CLARION_FORBID_SKIP) throw new Error(message);
  process.stderr.write(`${message}\n`);
  return false;
}

/** Root alone may start a process as somebody else. */
export function rootIsHere(): boolean {
  return isHere(process.getuid?.() === 0, 'not root, the tests of running as root, and as another user, did not run');
}
