import { z } from 'zod';
import { ComponentError } from '../../errors';

const failSchema = z.strictObject({
  kind: z.enum(['throw', 'hang', 'block', 'crash', 'tool', 'provider']),
  /** Where it fails: at its first thought, in its first tool, or in the text. */
  phase: z.enum(['think', 'tool', 'text']).default('text'),
  /** How many words are written before it fails in the text. */
  at_token: z.int().min(0).max(100_000).default(0),
  /** Only on these attempts; absent: on every one. */
  on_attempts: z.array(z.int().min(1)).optional(),
});

const askSchema = z.strictObject({
  prompt: z.string().min(1).max(4_096),
  /** How many words are written before it asks. */
  at_token: z.int().min(0).max(100_000).default(0),
  /** How long it waits for text, in milliseconds; default: as configured. */
  expires_in: z.int().min(1).optional(),
});

const drillSchema = z
  .strictObject({
    tokens: z.int().min(0).max(100_000).default(20),
    /** 0: as fast as possible. */
    per_second: z.number().min(0).max(10_000).default(50),
    think: z.int().min(0).max(1000).default(0),
    tools: z.int().min(0).max(1000).default(0),
    /** False: the outcome of a tool that was interrupted is unknown, and it is not called again. */
    idempotent: z.boolean().default(true),
    /** Words that are one step: a later attempt goes on after the last finished one. 0: no steps, it begins anew. */
    words_per_step: z.int().min(0).max(100_000).default(0),
    /** Has another drill do this, after the tools; what it writes is no part of the answer. */
    call: z.record(z.string(), z.unknown()).optional(),
    fail: failSchema.optional(),
    ask: askSchema.optional(),
  })
  .refine(({ tokens, fail }) => (fail?.at_token ?? 0) <= tokens, {
    path: ['fail', 'at_token'],
    error: 'lies past the last token',
  })
  .refine(({ tokens, ask }) => (ask?.at_token ?? 0) <= tokens, {
    path: ['ask', 'at_token'],
    error: 'lies past the last token',
  })
  .refine(({ think, tools, fail }) => (fail?.phase !== 'think' || think > 0) && (fail?.phase !== 'tool' || tools > 0), {
    path: ['fail', 'phase'],
    error: 'needs a thought or a tool to fail in',
  });

export type DrillRequest = z.infer<typeof drillSchema>;
export type DrillFailure = z.infer<typeof failSchema>;

/** Reads a message to `drill`; anything but its grammar is DRILL_REQUEST_INVALID (1008), `details.issues` says why. */
export function readDrillRequest(content: string): DrillRequest {
  const result = drillSchema.safeParse(parseJson(content));
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || 'content'}: ${message}`);
  throw ComponentError.agentSupervisor('DRILL_REQUEST_INVALID', { cause: result.error, details: { issues } });
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    const issues = ['content: is not JSON'];
    throw ComponentError.agentSupervisor('DRILL_REQUEST_INVALID', { cause, details: { issues } });
  }
}
