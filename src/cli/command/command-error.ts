/** What keeps a command from its work, in a sentence for whoever called it. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}
