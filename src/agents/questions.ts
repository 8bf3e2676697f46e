import { z } from 'zod';
import { ComponentError } from '../errors';
import type { Question } from './agent';
import type { RunClocks } from './run-clocks';
import { boundedText, safeObject } from './safe-text';
import type { StepJournal } from './step-journal';

const MAX_PROMPT = 4_096;
/** Longest schema, in UTF-16 units of its JSON: it goes to the user in an event. */
const MAX_SCHEMA = 16_384;

/** Steps whose results are answers of the user, of called agents too. */
const QUESTION = /^(run:[^/]+\/(fallback\/)?)*ask:/;

/** A question in the form in which it is stored. */
export interface AskedQuestion {
  /** The step that gives the answer. */
  readonly key: string;
  readonly prompt: string;
  readonly schema: Record<string, unknown>;
  /** Undefined: as configured. */
  readonly expiresInMs?: number;
  /** The called agent that asks, or null. */
  readonly path: string | null;
}

/** What is remembered of a question that is closed. */
export type Answer =
  | { readonly outcome: 'submitted'; readonly value: unknown }
  | { readonly outcome: 'expired'; readonly timeout_ms: number };

/** What asking needs of its attempt. */
export interface QuestionServices {
  readonly journal: StepJournal;
  readonly clocks?: Pick<RunClocks, 'busy'>;
  /** Asks the user, and ends this part of the attempt. Absent: nobody is there to answer. */
  readonly ask?: (question: AskedQuestion) => Promise<never>;
}

/** Which agent asks; `named` is the key of the question, or its beginning where it has no id. */
export interface Asker {
  readonly named: string;
  readonly path: string | null;
}

/**
 * What the user has answered; where it was not asked yet, the attempt ends here, and comes here again after the answer.
 * @throws ComponentError INPUT_EXPIRED, AGENT_OUTPUT_INVALID; RunStop
 */
export async function ask(services: QuestionServices, question: Question, { named, path }: Asker): Promise<unknown> {
  const { journal, clocks } = services;
  const { id, expires_in: expiresInMs } = question;
  const prompt = boundedText(question.prompt, MAX_PROMPT);
  const schema = wireSchema(question.schema ?? z.string());
  const key = id === undefined ? journal.keyOf(named, { prompt, schema }) : named;
  const memo = journal.recall(key, true);
  if (memo !== null) return valueOf(memo.value as Answer);
  // What is under way would be cut off, and its outcome unknown.
  if (clocks?.busy) throw invalid('asked while a tool or a step is under way');
  if (services.ask === undefined) throw ComponentError.agentSupervisor('INPUT_EXPIRED');
  return services.ask({ key, prompt, schema, expiresInMs, path });
}

export function isQuestion(key: string): boolean {
  return QUESTION.test(key);
}

/** The value as the schema has it, with its defaults. @throws ComponentError INPUT_INVALID that names what is wrong */
export function checkInput(schema: Record<string, unknown>, value: unknown): unknown {
  const result = z.fromJSONSchema(schema).safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || 'value'}: ${message}`);
  throw ComponentError.messageHandler('INPUT_INVALID', { details: { issues } });
}

function valueOf(answer: Answer): unknown {
  if (answer.outcome === 'submitted') return answer.value;
  throw ComponentError.agentSupervisor('INPUT_EXPIRED', { details: { timeout_ms: answer.timeout_ms } });
}

/** The schema as JSON Schema, which whoever takes the answer can check by, whatever process that is. */
function wireSchema(schema: z.ZodType): Record<string, unknown> {
  try {
    const wire = safeObject(z.toJSONSchema(schema, { io: 'input' })) as Record<string, unknown>;
    z.fromJSONSchema(wire);
    if (JSON.stringify(wire).length <= MAX_SCHEMA) return wire;
  } catch (cause) {
    throw invalid('JSON Schema cannot say what is asked for', cause);
  }
  throw invalid(`its schema is longer than ${MAX_SCHEMA} characters`);
}

function invalid(question: string, cause?: unknown): ComponentError {
  return ComponentError.agentSupervisor('AGENT_OUTPUT_INVALID', { cause, details: { question } });
}
