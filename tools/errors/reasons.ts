/** A file of the repository. */
export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Where reasons are declared and described: to be named here says nothing. */
const DECLARED = [/^src\/errors\/catalogue\//, /^packages\/protocol\/src\/schemas\/reasons\.ts$/];
const PRODUCT = /^(src|packages\/[^/]+\/src)\//;
const SPEC = /\.spec\.ts$/;
const TEST = /\.(spec|fixture)\.ts$/;

/**
 * Reasons that no code of the product raises, and those that no spec names; one line each. A reason is raised where its name stands as a whole
 * string literal.
 */
export function uncoveredReasons(reasons: readonly string[], files: readonly SourceFile[]): string[] {
  const undeclared = files.filter(({ path }) => !DECLARED.some((folder) => folder.test(path)));
  const raised = namesIn(
    undeclared.filter(({ path }) => PRODUCT.test(path) && !TEST.test(path)),
    /(['"`])([A-Z][A-Z0-9_]*)\1/g,
  );
  const tested = namesIn(
    files.filter(({ path }) => SPEC.test(path)),
    /\b()([A-Z][A-Z0-9_]*)\b/g,
  );
  return reasons.flatMap((reason) => [
    ...(raised.has(reason) ? [] : [`${reason}: nothing raises it`]),
    ...(tested.has(reason) ? [] : [`${reason}: no spec names it`]),
  ]);
}

function namesIn(files: readonly SourceFile[], pattern: RegExp): ReadonlySet<string> {
  return new Set(files.flatMap(({ text }) => [...text.matchAll(pattern)].map((match) => match[2] ?? '')));
}
