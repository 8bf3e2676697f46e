import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/client';
import { ToolError } from '../tool';

/** A result as the model reads it. @throws ToolError where the tool says that it failed */
export function textOfResult({ content, structuredContent, isError }: CallToolResult): string {
  const text = content.map(textOfBlock).join('\n');
  if (isError) throw new ToolError(text === '' ? 'The tool reported an error.' : text);
  return text === '' && structuredContent !== undefined ? JSON.stringify(structuredContent) : text;
}

function textOfBlock(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
    case 'audio':
      return `[${block.type} ${block.mimeType}, not shown]`;
    case 'resource_link':
      return `[${block.name}: ${block.uri}]`;
    case 'resource':
      return 'text' in block.resource ? block.resource.text : `[${block.resource.uri}, not shown]`;
  }
}
