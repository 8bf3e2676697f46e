import type { AssistantModelMessage, ModelMessage, ToolModelMessage } from 'ai';
import type { HistoryMessage } from '../../agent';
import type { ModelToolCall } from '../../providers/model-provider.service';
import type { ToolAnswer } from '../../tools/tool-calls.service';

const BYTES_A_TOKEN = 3;
/** What roles and separators cost. */
const TOKENS_A_MESSAGE = 4;

/**
 * Tokens of a text, estimated: one per three bytes of UTF-8. English takes about one per four, so this errs to the safe side; other scripts come
 * near it.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_A_TOKEN);
}

/** What a model is sent in one answer: of the thread the newest turns that fit, then the question, then the steps taken so far. */
export class Conversation {
  private readonly turns: readonly HistoryMessage[][];
  private readonly steps: ModelMessage[] = [];

  constructor(
    history: readonly HistoryMessage[],
    private readonly question: string,
    private readonly budgetTokens: number,
  ) {
    this.turns = turnsOf(history);
  }

  /**
   * Question and steps are always whole; older turns go first, and only as wholes.
   * @param fixedTokens what instructions and tools take of the budget
   */
  messages(fixedTokens: number): ModelMessage[] {
    const own: ModelMessage[] = [{ role: 'user', content: this.question }, ...this.steps];
    let left = this.budgetTokens - fixedTokens - tokensOf(own);
    const remembered: HistoryMessage[][] = [];
    for (const turn of this.turns.toReversed()) {
      left -= tokensOf(turn);
      if (left < 0) break;
      remembered.unshift(turn);
    }
    return [...remembered.flat(), ...own];
  }

  /** A step of the model that called tools, and what they answered. */
  add(text: string, answers: readonly { call: ModelToolCall; answer: ToolAnswer }[]): void {
    const said: Exclude<AssistantModelMessage['content'], string> = text === '' ? [] : [{ type: 'text', text }];
    const results: ToolModelMessage['content'] = [];
    for (const { call, answer } of answers) {
      const place = { toolCallId: call.id, toolName: call.name };
      said.push({ type: 'tool-call', ...place, input: isObject(call.input) ? call.input : {} });
      const type = answer.ok ? ('text' as const) : ('error-text' as const);
      results.push({ type: 'tool-result', ...place, output: { type, value: answer.text } });
    }
    this.steps.push({ role: 'assistant', content: said }, { role: 'tool', content: results });
  }
}

/** A turn is what the user said, with all that answered it. */
function turnsOf(history: readonly HistoryMessage[]): HistoryMessage[][] {
  const turns: HistoryMessage[][] = [];
  for (const message of history) {
    const last = turns.at(-1);
    if (message.role === 'user' || last === undefined) turns.push([message]);
    else last.push(message);
  }
  return turns;
}

function tokensOf(messages: readonly (HistoryMessage | ModelMessage)[]): number {
  const texts = messages.map(({ content }) => (typeof content === 'string' ? content : JSON.stringify(content)));
  return texts.reduce((sum, text) => sum + TOKENS_A_MESSAGE + estimateTokens(text), 0);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
