import { z } from 'zod';
import { COMPONENT_NAMES, COMPONENT_STATUSES, MESSAGE_ROLES, RUN_STATUSES } from '../views';
import { errorBodySchema, errorCodeSchema } from './errors';
import { clientMessageId, count, id, jsonObject, reasonName, serverText, timestamp } from './fields';

export const pendingInputSchema = z.object({
  input_id: id,
  prompt: serverText,
  schema: jsonObject,
  expires_at: timestamp,
});

export const runViewSchema = z
  .object({
    run_id: id,
    thread_id: id,
    message_id: id,
    agent: z.string().min(1),
    status: z.enum(RUN_STATUSES),
    attempt: count,
    index: count,
    text: serverText,
    position: count,
    pending_input: pendingInputSchema.nullable(),
    error: errorBodySchema.nullable(),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    finished_at: timestamp.nullable(),
  })
  .refine((run) => run.index === run.text.length, { path: ['index'] });

export const threadViewSchema = z.object({
  thread_id: id,
  title: serverText.nullable(),
  created_at: timestamp,
  updated_at: timestamp,
  active_run_id: id.nullable(),
});

export const messageViewSchema = z.object({
  message_id: id,
  thread_id: id,
  role: z.enum(MESSAGE_ROLES),
  content: serverText,
  client_message_id: clientMessageId.nullable(),
  run_id: id.nullable(),
  created_at: timestamp,
});

export const componentStatusSchema = z.enum(COMPONENT_STATUSES);
export const componentNameSchema = z.enum(COMPONENT_NAMES);

const healthWarningSchema = z.object({
  figure: z.string(),
  value: z.number(),
  limit: z.number(),
  expected_at: timestamp,
  message: z.string(),
  suggestion: z.string(),
});

const healthRepairSchema = z.object({
  action: z.string(),
  attempts: z.int().min(1),
  succeeded: z.int().min(0),
  last_at: timestamp,
  last_succeeded: z.boolean(),
});

export const componentDetailSchema = z.object({
  status: componentStatusSchema,
  details: jsonObject.optional(),
  latency_ms: z.number().min(0).nullable().optional(),
  checked_at: timestamp.optional(),
  since: timestamp.optional(),
  error: z.string().optional(),
  error_code: errorCodeSchema.optional(),
  reason: reasonName.optional(),
  suggestion: z.string().optional(),
  age_ms: z.number().min(0).optional(),
  flaps: z.int().min(0).optional(),
  warnings: z.array(healthWarningSchema).optional(),
  repairs: z.array(healthRepairSchema).optional(),
});

export const componentReportSchema = z.object({
  healthy: z.boolean(),
  status: componentStatusSchema,
  failed_components: z.array(componentNameSchema),
  degraded_components: z.array(componentNameSchema),
  component_details: z.partialRecord(componentNameSchema, componentDetailSchema),
  error_suggestions: z.array(z.string()),
  summary: z.string(),
});
