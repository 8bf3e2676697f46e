/** What is wrong with one setting. `found` is hidden for secrets. */
export interface ConfigurationProblem {
  readonly name: string;
  readonly found: string;
  readonly allowed: string;
}

/** A bad environment: every problem at once. The start ends with it (1006 CONFIGURATION_INVALID). */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';

  constructor(readonly problems: readonly ConfigurationProblem[]) {
    super(
      problems
        .map(
          ({ name, found, allowed }) =>
            `${name}: found ${found === '' ? 'nothing' : `"${found}"`}; allowed: ${allowed}`,
        )
        .join('\n'),
    );
  }
}
