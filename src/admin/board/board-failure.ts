import { DatabaseError } from 'pg';
import { ComponentError } from '../../errors';

/** What Bull Board or BullMQ threw while an admin used the board, with its reason. */
export function boardFailure(error: unknown): ComponentError | Error {
  if (error instanceof ComponentError || error instanceof DatabaseError) return error;
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  // BullMQ refuses by numeric codes: the job is not in the state that the page showed, or is gone.
  if (typeof code === 'number') return refused(409, error);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) return refused(statusCode, error);
  return ComponentError.redis('QUEUE_UNAVAILABLE', { cause: error });
}

function refused(status: number, cause: unknown): ComponentError {
  return ComponentError.messageHandler('HTTP_REQUEST_INVALID', { cause, details: { status } });
}
