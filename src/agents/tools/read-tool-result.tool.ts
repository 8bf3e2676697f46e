import { z } from 'zod';
import { AppConfig } from '../../config';
import { Tool, type ToolContext, ToolError, type ToolRunner } from './tool';
import { ToolResultStore } from './tool-result.store';

export const READ_TOOL_RESULT = 'read_tool_result';

const parameters = z.object({
  result_id: z.uuid().describe('The id that the cut-off result named'),
  offset: z.int().min(0).max(2_000_000).describe('The character to begin at'),
});

/** Lets a model read on in a result that was too long to be given to it at once. */
@Tool({
  name: READ_TOOL_RESULT,
  description: 'Reads on in a tool result that was cut off.',
  parameters,
  idempotent: true,
})
export class ReadToolResultTool implements ToolRunner<typeof parameters> {
  constructor(
    private readonly results: ToolResultStore,
    private readonly config: AppConfig,
  ) {}

  async run({ result_id, offset }: z.infer<typeof parameters>, ctx: ToolContext): Promise<string> {
    const limit = Math.floor(this.config.llm.toolResultChars * 0.9);
    const place = { threadId: ctx.thread_id, resultId: result_id, offset, limit };
    const piece = await this.results.read(place);
    if (piece === null) throw new ToolError('There is no such result.');
    const end = offset + [...piece.text].length;
    const rest = end < piece.length ? `[Read on with offset ${end}; ${piece.length} characters in all.]` : '[The end.]';
    return `${piece.text}\n${rest}`;
  }
}
