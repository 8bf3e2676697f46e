import { AGENT_NAME_PATTERN } from '@clarion/protocol';
import { z } from 'zod';
import { decimal, integer, jsonOrFile, text, textOr, url } from './setting';

const toolPatterns = z.array(z.string().regex(/^[\w-]{0,64}\*?$/)).max(256);
const milliseconds = z.int().min(100).max(86_400_000);

const mcpServerSchema = z
  .strictObject({
    command: z.string().min(1).optional(),
    args: z.array(z.string()).default([]),
    env: z.record(z.string(), z.string()).default({}),
    cwd: z.string().optional(),
    url: z.url({ protocol: /^https?$/ }).optional(),
    headers: z.record(z.string(), z.string()).default({}),
    tools: toolPatterns.default(['*']),
    timeout_ms: milliseconds.default(60_000),
    max_total_timeout_ms: milliseconds.default(600_000),
    redact: z
      .strictObject({ arguments: z.array(z.string()).default([]), result: z.boolean().default(false) })
      .default({ arguments: [], result: false }),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined));

const assistantSchema = z.strictObject({
  description: z.string().max(500).optional(),
  prompt: z.string().min(1).max(32_000).optional(),
  model: z.string().min(1).optional(),
  tools: toolPatterns.default(['*']),
  max_steps: z.int().min(1).max(100).optional(),
  max_attempts: z.int().min(1).max(20).optional(),
  concurrency: z.int().min(1).max(10_000).optional(),
  total_timeout_ms: milliseconds.optional(),
  first_output_timeout_ms: milliseconds.optional(),
  stall_timeout_ms: milliseconds.optional(),
  tool_timeout_ms: milliseconds.optional(),
  queue_timeout_ms: milliseconds.optional(),
  fallback: z.string().regex(AGENT_NAME_PATTERN).optional(),
  price: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }).optional(),
});

/** One server of MCP_SERVERS. */
export type McpServerSettings = z.infer<typeof mcpServerSchema>;

/** One agent of ASSISTANTS. */
export type AssistantSettings = z.infer<typeof assistantSchema>;

/** The model provider, the agents that talk to it, and their tools. */
export const llmSettings = {
  baseUrl: url(
    'LLM_BASE_URL',
    ['http', 'https'],
    'An OpenAI-compatible endpoint, such as https://api.example.com/v1. With it, `assistant` is the default agent.',
  ),
  apiKey: text('LLM_API_KEY', 'Bearer token for LLM_BASE_URL, where it wants one.', { secret: true }),
  model: text('LLM_MODEL', 'The model that assistants use. Required with LLM_BASE_URL.'),
  prompt: textOr(
    'LLM_PROMPT',
    'You are a helpful assistant. Answer in the language of the question.',
    'System prompt of assistants that have none of their own.',
  ),
  contextTokens: integer(
    'LLM_CONTEXT_TOKENS',
    500,
    10_000_000,
    16_000,
    'Tokens of prompt, conversation and tool results that a model is sent at most (estimated: one per 3 bytes of UTF-8).',
  ),
  maxOutputTokens: integer('LLM_MAX_OUTPUT_TOKENS', 1, 1_000_000, 4_096, 'Tokens that a model may write in one step.'),
  maxSteps: integer(
    'LLM_MAX_STEPS',
    1,
    100,
    8,
    'Steps (calls of the model) of one answer; the last one gets no tools.',
  ),
  silenceMs: integer(
    'LLM_SILENCE_TIMEOUT_MS',
    100,
    3_600_000,
    60_000,
    'How long a provider may send nothing at all, before and during its answer; then PROVIDER_TIMEOUT.',
  ),
  maxResponseBytes: integer(
    'LLM_MAX_RESPONSE_BYTES',
    10_000,
    1_073_741_824,
    16_777_216,
    'Size limit of one response of a provider, in bytes on the wire.',
  ),
  priceInput: decimal('LLM_PRICE_INPUT', 'Price of a million tokens sent to LLM_MODEL. With it, usage tells the cost.'),
  priceOutput: decimal('LLM_PRICE_OUTPUT', 'Price of a million tokens written by LLM_MODEL, in the same currency.'),
  probeEveryMs: integer(
    'LLM_PROBE_EVERY_MS',
    1_000,
    3_600_000,
    60_000,
    'How often the provider is asked for its models, to know whether it is well.',
  ),
  toolResultChars: integer(
    'TOOL_RESULT_MAX_CHARS',
    200,
    1_000_000,
    8_000,
    'Characters of a tool result that a model is given at once; of a longer one it reads on by itself.',
  ),
  assistants: jsonOrFile(
    'ASSISTANTS',
    z.record(z.string().regex(AGENT_NAME_PATTERN), assistantSchema),
    '{"<agent>": {"description", "prompt", "model", "tools": ["<tool>", "<server>_*"], "max_steps", "max_attempts", "concurrency", "total_timeout_ms", "first_output_timeout_ms", "stall_timeout_ms", "tool_timeout_ms", "queue_timeout_ms", "fallback": "<agent>", "price": {"input", "output"}}}, or the path of a file with it',
    'Agents that talk to a model, each with its own prompt, model and tools. `assistant` is there without it.',
  ),
  mcpServers: jsonOrFile(
    'MCP_SERVERS',
    z.record(z.string().regex(/^[A-Za-z0-9-]{1,32}$/), mcpServerSchema),
    '{"<server>": {"command", "args", "env", "cwd"} or {"url", "headers"}, each with "tools", "timeout_ms", "max_total_timeout_ms", "redact": {"arguments": ["<name>"], "result": true}}, or the path of a file with it',
    'MCP servers whose tools agents may use: stdio (command) or streamable HTTP (url).',
    { secret: true },
  ),
} as const;
