import { applyDecorators, Injectable, SetMetadata } from '@nestjs/common';
import type { JSONSchema7 } from 'ai';
import type { z } from 'zod';

/** What of a call its user does not see. */
export interface Redaction {
  /** Names of arguments, at any depth, whose values are hidden. */
  readonly arguments?: readonly string[];
  /** Hides the result: its summary says only how long it is. */
  readonly result?: boolean;
}

/** Whom a tool works for. */
export interface ToolContext {
  readonly run_id: string;
  readonly thread_id: string;
  readonly user_id: string;
  /** Aborted when the tool's time is over, and by cancel, loss of the lease, shutdown. Pass it to everything that waits. */
  readonly signal: AbortSignal;
  /** Shows how far the tool is: `fraction` is 0–1. At most two reports a second are shown. */
  progress(fraction: number, message: string): void;
}

/** A tool that an agent may call, wherever it comes from. */
export interface RegisteredTool {
  readonly name: string;
  /** For the model: what it does and when to use it. */
  readonly description: string;
  readonly inputSchema: JSONSchema7;
  readonly redact: Redaction;
  /** It may be called again where nobody knows whether it was: it only reads, or its other side recognises a repetition. */
  readonly idempotent: boolean;
  /** The arguments as the tool takes them, or what is wrong with them, for the model. */
  parse(input: unknown): { readonly args: unknown } | { readonly problem: string };
  /** The result, as the model reads it. @throws ToolError with what the model may know */
  call(args: unknown, ctx: ToolContext): Promise<string>;
}

/** A tool could not do what it was asked for, for a reason that the model is told: it may try otherwise. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

export interface ToolRunner<P extends z.ZodObject = z.ZodObject> {
  /** The result: text, or anything that JSON can say. Throw a ToolError for a failure that the model should know. */
  run(args: z.infer<P>, ctx: ToolContext): unknown;
}

export interface ToolOptions<P extends z.ZodObject = z.ZodObject> {
  /** 1–64 of `A-Za-z0-9_-`, unique. */
  readonly name: string;
  readonly description: string;
  readonly parameters: P;
  readonly redact?: Redaction;
  /** It may be called again where nobody knows whether it was: it only reads, or its other side recognises a repetition. Default false. */
  readonly idempotent?: boolean;
}

export const TOOL_METADATA = 'clarion:tool';

/** Makes a class a tool: add it to the providers of any module, and the registry finds it at start. */
export function Tool<P extends z.ZodObject>(
  options: ToolOptions<P>,
): (target: new (...args: never[]) => ToolRunner<P>) => void {
  return applyDecorators(Injectable(), SetMetadata(TOOL_METADATA, options));
}
