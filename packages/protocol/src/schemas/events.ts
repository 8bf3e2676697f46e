import { z } from 'zod';
import { EPOCH_PATTERN, PROTOCOL_VERSION } from '../constants';
import { formatCursor } from '../cursor';
import { CRITICAL_EVENTS, type DurableEventDataMap, type DurableEventType } from '../events';
import { RESUME_MODES } from '../views';
import { errorBodySchema, errorEnvelopeSchema, userNotificationSchema } from './errors';
import { clientMessageId, count, id, serverText, timestamp, userId } from './fields';
import { componentNameSchema, componentStatusSchema, pendingInputSchema, runViewSchema } from './views';

const agent = z.string().min(1);
const attempt = z.int().min(1);
const toolCall = { tool_call_id: z.string().min(1), tool: z.string().min(1) };
const epoch = z.string().regex(EPOCH_PATTERN);

/** The `data` of every durable event, by type. */
export const durableEventDataSchemas = {
  message_created: z.object({
    message_id: id,
    role: z.literal('user'),
    content: serverText,
    client_message_id: clientMessageId,
  }),
  run_queued: z.object({ agent, position: count }),
  agent_started: z.object({ agent, max_attempts: attempt }),
  agent_thinking: z.object({ text: serverText, step: count }),
  agent_progress: z.object({ progress: z.number().min(0).max(1), message: serverText }),
  tool_executing: z.object({ ...toolCall, arguments: z.unknown() }),
  tool_completed: z.object({
    ...toolCall,
    ok: z.boolean(),
    summary: serverText,
    duration_ms: z.number().min(0),
    error: errorBodySchema.optional(),
  }),
  input_required: pendingInputSchema,
  input_resolved: z.object({ input_id: id, outcome: z.enum(['submitted', 'expired', 'cancelled']) }),
  agent_retrying: z.object({
    agent,
    max_attempts: attempt,
    delay_ms: z.number().min(0),
    keep_index: count,
    error: errorBodySchema,
  }),
  agent_recovering: z.object({ agent, keep_index: count, error: errorBodySchema }),
  agent_fallback: z.object({ from: agent, to: agent, keep_index: count, error: errorBodySchema }),
  agent_completed: z.object({
    message_id: id,
    content: serverText,
    usage: z.object({ input_tokens: count, output_tokens: count, cost: z.number().min(0).optional() }).nullable(),
    duration_ms: z.number().min(0),
  }),
  agent_failed: z.object({ error: errorBodySchema, content: serverText }),
  agent_cancelled: z.object({ by: z.string().min(1), content: serverText }),
  notification: z.object({ user_notification: userNotificationSchema, error: errorBodySchema }),
} satisfies { [T in DurableEventType]: z.ZodType<DurableEventDataMap[T]> };

function envelope<T extends DurableEventType>(type: T) {
  return z
    .object({
      type: z.literal(type),
      id: z.string(),
      epoch,
      seq: z.int().min(1),
      timestamp,
      user_id: userId,
      thread_id: id.nullable(),
      run_id: id.nullable(),
      attempt: attempt.nullable(),
      path: z.string().min(1).nullable(),
      critical: z.boolean().refine((critical) => critical === CRITICAL_EVENTS.has(type)),
      recovered: z.boolean(),
      data: durableEventDataSchemas[type],
    })
    .refine((event) => event.id === formatCursor(event.epoch, event.seq), { path: ['id'] });
}

/** Every durable event as it is sent, by type. */
export const durableEventSchemas = {
  message_created: envelope('message_created'),
  run_queued: envelope('run_queued'),
  agent_started: envelope('agent_started'),
  agent_thinking: envelope('agent_thinking'),
  agent_progress: envelope('agent_progress'),
  tool_executing: envelope('tool_executing'),
  tool_completed: envelope('tool_completed'),
  input_required: envelope('input_required'),
  input_resolved: envelope('input_resolved'),
  agent_retrying: envelope('agent_retrying'),
  agent_recovering: envelope('agent_recovering'),
  agent_fallback: envelope('agent_fallback'),
  agent_completed: envelope('agent_completed'),
  agent_failed: envelope('agent_failed'),
  agent_cancelled: envelope('agent_cancelled'),
  notification: envelope('notification'),
};

/** Any durable event. */
export const durableEventSchema = z.discriminatedUnion('type', [
  durableEventSchemas.message_created,
  durableEventSchemas.run_queued,
  durableEventSchemas.agent_started,
  durableEventSchemas.agent_thinking,
  durableEventSchemas.agent_progress,
  durableEventSchemas.tool_executing,
  durableEventSchemas.tool_completed,
  durableEventSchemas.input_required,
  durableEventSchemas.input_resolved,
  durableEventSchemas.agent_retrying,
  durableEventSchemas.agent_recovering,
  durableEventSchemas.agent_fallback,
  durableEventSchemas.agent_completed,
  durableEventSchemas.agent_failed,
  durableEventSchemas.agent_cancelled,
  durableEventSchemas.notification,
]);

const connectionLimits = z.object({
  max_content_bytes: count,
  messages_per_minute: count,
  connections_per_user: count,
  queued_runs_per_thread: count,
});

const connectionEstablished = z.object({
  protocol: z.literal(PROTOCOL_VERSION),
  connection_id: z.string().min(1),
  user_id: userId,
  device_id: z.string().min(1),
  epoch,
  head_seq: count,
  from_seq: count,
  resume: z.enum(RESUME_MODES),
  server_time: timestamp,
  limits: connectionLimits,
  health: componentStatusSchema,
  degraded_components: z.array(componentNameSchema),
});

/** Everything that a server sends and does not keep, by event name. */
export const ephemeralEventSchemas = {
  connection_established: connectionEstablished,
  replay_complete: z.object({ from_seq: count, to_seq: count, count }),
  agent_delta: z.object({
    run_id: id,
    attempt,
    path: z.string().min(1).nullable(),
    index: count,
    text: serverText,
  }),
  run_snapshot: runViewSchema,
  queue_position: z.object({ run_id: id, position: count }),
  error: errorEnvelopeSchema,
  auth_expiring: z.object({ expires_at: timestamp }),
  server_draining: z.object({ reconnect_after_ms: count }),
};
