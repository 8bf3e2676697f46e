import { z } from 'zod';
import { SUPPORT_CODE_PATTERN } from '../constants';
import { closeCode, COMPONENT_BY_CODE, ERROR_CODES, SEVERITIES, type Component, type ErrorBody } from '../errors';
import { count, jsonObject, reasonName, timestamp, userId } from './fields';

export const errorCodeSchema = z.literal(ERROR_CODES);

export const userNotificationSchema = z.object({
  message: z.string().min(1),
  severity: z.enum(SEVERITIES),
  user_friendly_message: z.string().min(1),
  action_required: z.string().min(1),
  support_code: z.string().regex(SUPPORT_CODE_PATTERN),
});

const components = Object.values(COMPONENT_BY_CODE) as readonly Component[];

/** The inner object, with what its fields promise about each other. */
export const errorBodySchema = z
  .object({
    code: errorCodeSchema,
    component: z.enum(components),
    reason: reasonName,
    message: z.string().min(1),
    user_id: userId.nullable(),
    timestamp,
    details: jsonObject.nullable(),
    root_cause: z.string().nullable(),
    severity: z.enum(SEVERITIES),
    retryable: z.boolean(),
    retry_after_ms: count.nullable(),
    close_code: z.int(),
    support_code: z.string().regex(SUPPORT_CODE_PATTERN),
    trace_id: z.string().min(1).nullable(),
    run_id: z.uuid().nullable(),
    thread_id: z.uuid().nullable(),
    help_url: z.string().min(1),
    user_notification: userNotificationSchema,
  })
  .refine((error) => COMPONENT_BY_CODE[error.code] === error.component, { path: ['component'] })
  .refine(hasCloseCode, { path: ['close_code'] })
  .refine((error) => error.support_code.slice(0, -9) === error.reason, { path: ['support_code'] })
  .refine((error) => error.help_url.endsWith(`/errors/${error.reason}`), { path: ['help_url'] })
  .refine((error) => error.user_notification.support_code === error.support_code, { path: ['user_notification'] });

function hasCloseCode(error: ErrorBody): boolean {
  return error.close_code === closeCode(error.code, true) || error.close_code === closeCode(error.code, false);
}

export const errorEnvelopeSchema = z.object({ type: z.literal('error'), error: errorBodySchema });
