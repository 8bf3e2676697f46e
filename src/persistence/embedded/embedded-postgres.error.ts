export type EmbeddedPostgresReason =
  'EMBEDDED_POSTGRES_MISSING' | 'DATA_DIR_IN_USE' | 'DATA_DIR_UNUSABLE' | 'EMBEDDED_POSTGRES_FAILED';

/**
 * What can go wrong around the embedded PostgreSQL, by cause. `details` are for logs and operators; `message` is English and
 * says what to do.
 */
export class EmbeddedPostgresError extends Error {
  readonly reason: EmbeddedPostgresReason;
  readonly details: Record<string, unknown>;

  constructor(
    reason: EmbeddedPostgresReason,
    message: string,
    { details = {}, cause }: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'EmbeddedPostgresError';
    this.reason = reason;
    this.details = details;
  }
}

/** The errno code (`ENOENT`) or SQLSTATE (`3D000`) of a thrown value, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
