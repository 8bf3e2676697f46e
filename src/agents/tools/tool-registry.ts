import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { JSONSchema7 } from 'ai';
import { z } from 'zod';
import { ConfigurationError, type ConfigurationProblem } from '../../config';
import { ComponentError } from '../../errors';
import { McpServers } from './mcp/mcp-servers.service';
import { matches, TOOL_NAME } from './tool-names';
import { type RegisteredTool, TOOL_METADATA, type ToolOptions, type ToolRunner } from './tool';

const MAX_ISSUES = 5;

/** Every tool of this process: the providers whose class carries `@Tool`, and what the MCP servers offer right now. */
@Injectable()
export class ToolRegistry implements OnModuleInit {
  private readonly own = new Map<string, RegisteredTool>();

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly servers: McpServers,
  ) {}

  /** Fails the start with CONFIGURATION_INVALID (1006) that names every problem at once. */
  onModuleInit(): void {
    const problems: ConfigurationProblem[] = [];
    for (const tool of this.discovered()) {
      const name = '@Tool';
      if (!TOOL_NAME.test(tool.name))
        problems.push({ name, found: tool.name, allowed: `a name that matches ${TOOL_NAME.source}` });
      if (this.own.has(tool.name)) problems.push({ name, found: tool.name, allowed: 'a name that no other tool has' });
      this.own.set(tool.name, tool);
    }
    if (problems.length === 0) return;
    const cause = new ConfigurationError(problems);
    throw ComponentError.dependencies('CONFIGURATION_INVALID', { cause, details: { problems } });
  }

  /** The tools that an allow-list names: exact names, and beginnings of names with a `*` at their end. */
  allowed(patterns: readonly string[]): RegisteredTool[] {
    const offered = [...this.own.values(), ...this.servers.tools().filter(({ name }) => !this.own.has(name))];
    return offered.filter(({ name }) => patterns.some((pattern) => matches(pattern, name)));
  }

  private discovered(): RegisteredTool[] {
    return this.discovery.getProviders().flatMap(({ instance }: { instance?: unknown }) => {
      if (typeof instance !== 'object' || instance === null) return [];
      const options = Reflect.getOwnMetadata(TOOL_METADATA, instance.constructor) as ToolOptions | undefined;
      return options === undefined ? [] : [registered(options, instance as ToolRunner)];
    });
  }
}

function registered(options: ToolOptions, runner: ToolRunner): RegisteredTool {
  const { name, description, parameters, redact = {}, idempotent = false } = options;
  return {
    name,
    description,
    redact,
    idempotent,
    inputSchema: z.toJSONSchema(parameters, { io: 'input' }) as JSONSchema7,
    parse: (input) => {
      const parsed = parameters.safeParse(input);
      return parsed.success ? { args: parsed.data } : { problem: problemOf(parsed.error) };
    },
    call: async (args, ctx) => textOf(await runner.run(args as Record<string, unknown>, ctx)),
  };
}

function problemOf(error: z.ZodError): string {
  const issues = error.issues.slice(0, MAX_ISSUES);
  return issues.map(({ path, message }) => `${path.map(String).join('.') || 'arguments'}: ${message}`).join('; ');
}

function textOf(result: unknown): string {
  return typeof result === 'string' ? result : (JSON.stringify(result) ?? '');
}
