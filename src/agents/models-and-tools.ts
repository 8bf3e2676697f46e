import type { Provider } from '@nestjs/common';
import { McpServers } from './tools/mcp/mcp-servers.service';
import { ReadToolResultTool } from './tools/read-tool-result.tool';
import { ToolCalls } from './tools/tool-calls.service';
import { ToolRegistry } from './tools/tool-registry';
import { ToolResultStore } from './tools/tool-result.store';
import { ModelProvider } from './providers/model-provider.service';
import { ProviderIndicator } from './providers/provider.indicator';
import { ProviderProbe } from './providers/provider-probe';

/** Models and tools, for agents that need them. */
export const MODELS_AND_TOOLS: Provider[] = [
  McpServers,
  ModelProvider,
  ProviderIndicator,
  ProviderProbe,
  ReadToolResultTool,
  ToolCalls,
  ToolRegistry,
  ToolResultStore,
];
