const MAX_ERRORS = 20;

/** An error and all that caused it, outermost first: `cause`, the errors of an AggregateError, the driver's error of TypeORM. */
export function errorChain(error: unknown): object[] {
  const chain = new Set<object>();
  const waiting = [error];
  while (waiting.length > 0 && chain.size < MAX_ERRORS) {
    const next = waiting.shift();
    if (typeof next !== 'object' || next === null || chain.has(next)) continue;
    chain.add(next);
    const { cause, errors, driverError } = next as { cause?: unknown; errors?: unknown; driverError?: unknown };
    waiting.push(
      cause,
      driverError,
      ...(next instanceof AggregateError && Array.isArray(errors) ? (errors as unknown[]) : []),
    );
  }
  return [...chain];
}

/** A text property of an error, such as `code`; undefined where it has none. */
export function textOf(error: object, property: string): string | undefined {
  const value = (error as Record<string, unknown>)[property];
  return typeof value === 'string' ? value : undefined;
}

/** One line: the kind, the driver's code and the message. */
export function describeError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return `Thrown: ${String(error)}`;
  const kind = textOf(error, 'name') ?? error.constructor?.name ?? 'Object';
  const code = textOf(error, 'reason') ?? textOf(error, 'code');
  return `${kind}${code === undefined ? '' : ` [${code}]`}: ${textOf(error, 'message') ?? ''}`;
}
