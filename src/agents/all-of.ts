/** Does each in turn, also after one of them failed. @throws what the first failure was */
export async function allOf(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    const [outcome] = await Promise.allSettled([step()]);
    if (outcome.status === 'rejected') failures.push(outcome.reason);
  }
  if (failures.length > 0) throw failures[0];
}
