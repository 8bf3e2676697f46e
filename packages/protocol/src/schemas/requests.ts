import { z } from 'zod';
import { MAX_INPUT_CHARS, MAX_METADATA_CHARS, MAX_PAGE_SIZE } from '../constants';
import type { ClientEventName, RequestPayload } from '../requests';
import { isAcceptableText } from '../text';
import { OVERLAPS } from '../views';
import { agentName, clientId, clientMessageId, content, cursorText, jsonObject, storableJson, token } from './fields';
import { because } from './reasons';

const runOnly = z.object({ run_id: clientId });
const threadOnly = z.object({ thread_id: clientId });

const page = {
  before: z.string().min(1).max(256).refine(isAcceptableText, because('TEXT_INVALID')).optional(),
  limit: z.int().min(1).max(MAX_PAGE_SIZE).optional(),
};

const inputValue = z.unknown().refine((value): boolean => value !== undefined, { abort: true });

/** Every payload that a client may send, by event name. Unknown fields are dropped. */
export const clientRequestSchemas = {
  chat_message: z.object({
    client_message_id: clientMessageId,
    content,
    thread_id: clientId.optional(),
    agent: agentName.optional(),
    overlap: z.enum(OVERLAPS).optional(),
    metadata: storableJson(jsonObject, MAX_METADATA_CHARS).optional(),
  }),
  events_ack: z.object({ cursor: cursorText }),
  run_cancel: runOnly,
  run_retry: runOnly,
  run_get: runOnly,
  input_submit: z.object({
    run_id: clientId,
    input_id: clientId,
    value: storableJson(inputValue, MAX_INPUT_CHARS),
  }),
  thread_list: z.object(page),
  thread_history: z.object({ thread_id: clientId, ...page }),
  thread_delete: threadOnly,
  auth_refresh: z.object({ token }),
  health_check: z.object({}),
} satisfies { [N in ClientEventName]: z.ZodType<RequestPayload<N>> };
