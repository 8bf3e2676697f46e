import { z } from 'zod';
import type { ClientEventName, RequestResult } from '../requests';
import { RUN_STATUSES } from '../views';
import { errorBodySchema } from './errors';
import { clientId, cursorText, id, timestamp } from './fields';
import { componentReportSchema, messageViewSchema, runViewSchema, threadViewSchema } from './views';

const next = z.string().nullable();

/** What `ok: true` carries, by the name of the request. */
export const requestResultSchemas = {
  chat_message: z.object({ message_id: id, thread_id: id, run_id: id, duplicate: z.boolean() }),
  events_ack: z.object({ cursor: cursorText }),
  run_cancel: z.object({ run_id: id, status: z.enum(RUN_STATUSES) }),
  run_retry: z.object({ run_id: id }),
  run_get: z.object({ run: runViewSchema }),
  input_submit: z.object({ duplicate: z.boolean() }),
  thread_list: z.object({ threads: z.array(threadViewSchema), next }),
  thread_history: z.object({
    messages: z.array(messageViewSchema),
    runs: z.array(runViewSchema),
    as_of: cursorText,
    next,
  }),
  // Whatever was asked: a thread that does not exist, or not any more, is deleted too.
  thread_delete: z.object({ thread_id: clientId }),
  auth_refresh: z.object({ expires_at: timestamp }),
  health_check: z.object({ report: componentReportSchema }),
} satisfies { [N in ClientEventName]: z.ZodType<RequestResult<N>> };

/** The refusal of any request. */
export const ackFailureSchema = z.object({ ok: z.literal(false), error: errorBodySchema });
