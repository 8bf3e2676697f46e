import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Tool as McpTool } from '@modelcontextprotocol/client';
import type { JSONSchema7 } from 'ai';
import { AppConfig } from '../../../config';
import { type ComponentError, FailureReporter } from '../../../errors';
import type { RegisteredTool } from '../tool';
import { McpConnection } from './mcp-connection';
import { matches } from '../tool-names';

/** The servers of MCP_SERVERS, in a process that runs agents. One that is away takes its tools with it, and nothing else. */
@Injectable()
export class McpServers implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly connections: McpConnection[];

  constructor(config: AppConfig, reporter: FailureReporter) {
    const servers = config.server.runsJobs ? Object.entries(config.llm.mcpServers) : [];
    this.connections = servers.map(([name, settings]) => new McpConnection(name, settings, reporter));
  }

  /** Waits for none of them. */
  onApplicationBootstrap(): void {
    for (const connection of this.connections) connection.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.stop()));
  }

  /** What is offered right now, as `<server>_<tool>`. */
  tools(): RegisteredTool[] {
    return this.connections.flatMap((connection) =>
      connection
        .tools()
        .filter(({ name }) => connection.settings.tools.some((pattern) => matches(pattern, name)))
        .map((tool) => registered(connection, tool)),
    );
  }

  get configured(): boolean {
    return this.connections.length > 0;
  }

  /** Server -> whether it is connected. */
  states(): Record<string, boolean> {
    return Object.fromEntries(this.connections.map(({ name, connected }) => [name, connected]));
  }

  /** Those that cannot be reached, or too often could not be when they were called lately, and why. */
  away(): { readonly name: string; readonly failure: ComponentError }[] {
    return this.connections.flatMap(({ name, failure, history }) => {
      const cause = failure ?? history.trouble?.cause;
      return cause === undefined ? [] : [{ name, failure: cause }];
    });
  }
}

function registered(
  connection: McpConnection,
  { name, description, inputSchema, annotations }: McpTool,
): RegisteredTool {
  return {
    name: `${connection.name}_${name}`.replaceAll(/[^\w-]/g, '_').slice(0, 64),
    description: description ?? name,
    inputSchema: inputSchema as JSONSchema7,
    redact: connection.settings.redact,
    idempotent: annotations?.readOnlyHint === true || annotations?.idempotentHint === true,
    // The server checks them: its schema may be of a dialect that only it understands.
    parse: (input) => (isObject(input) ? { args: input } : { problem: 'arguments: must be an object' }),
    call: (args, ctx) => connection.call(name, args as Record<string, unknown>, ctx),
  };
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
