import { isReason, type Reason } from '../../../errors';
import { Agent, type AgentContext, type AgentOutput, type AgentRunner, type AgentStream } from '../../agent';
import { compose, greeting, nothingFound, type Part, piecesOf, quote, tellHealth, tellStory } from './answer';
import { HealthSummary, SupportCodeLookup } from './contracts';
import { explainCode, explainReason, explainUnknownCode, pageOf } from './explain';
import { Library } from './library';
import { pointsBack, type Question, readQuestion, withEarlier } from './question';

type Parts = AsyncGenerator<AgentOutput, Part[], void>;

interface Explaining {
  args: Record<string, string | number>;
  explain: () => Part | Promise<Part>;
}

const MAX_NAMED = 5;
const HISTORY = 10;

/** Answers questions about Clarion itself, from its documents and its own state. Needs no model. */
@Agent({ name: 'guide', description: 'Answers questions about Clarion: errors, support codes, health, documents' })
export class GuideAgent implements AgentRunner {
  constructor(
    private readonly library: Library,
    private readonly supportCodes: SupportCodeLookup,
    private readonly health: HealthSummary,
  ) {}

  async *run(ctx: AgentContext): AgentStream {
    const question = await understand(ctx);
    yield ctx.thinking(thought(question));
    const parts = question.greets ? [greeting()] : yield* this.answer(ctx, question);
    for (const piece of piecesOf(compose(parts.length > 0 ? parts : [nothingFound()]))) yield piece;
  }

  private async *answer(ctx: AgentContext, question: Question): Parts {
    const parts: Part[] = [];
    for (const code of question.supportCodes.slice(0, MAX_NAMED)) parts.push(...(yield* this.lookUp(ctx, code)));
    parts.push(...(yield* this.explain(ctx, question)));
    if (question.asksHealth) parts.push(yield* this.askHealth(ctx));
    if (parts.length === 0 || question.asksAboutHealth) parts.push(...(yield* this.search(ctx, question.text)));
    return parts;
  }

  private async *lookUp(ctx: AgentContext, code: string): Parts {
    const find = () => this.supportCodes.find(code, ctx.user_id);
    const story = yield* ctx.tool('lookup_support_code', { support_code: code }, find, {
      idempotent: true,
      summary: (found) => (found === null ? 'No failure of yours' : found.reason),
    });
    const reason = story?.reason ?? code.replace(/_[^_]*$/, '');
    return [tellStory(code, story), ...(isReason(reason) ? [await this.explained(reason)] : [])];
  }

  /** Errors are explained from the catalogue; a reason says more than its code. */
  private async *explain(ctx: AgentContext, { codes, reasons, unknownCodes }: Question): Parts {
    const wanted: Explaining[] = [
      ...reasons.map((reason) => ({ args: { reason }, explain: () => this.explained(reason) })),
      ...codes.map((code) => ({ args: { code }, explain: () => explainCode(code) })),
      ...unknownCodes.map((code) => ({ args: { code }, explain: () => explainUnknownCode(code) })),
    ];
    const parts: Part[] = [];
    for (const { args, explain } of wanted.slice(0, MAX_NAMED)) {
      parts.push(yield* ctx.tool('explain_error', args, explain, { idempotent: true, summary: firstLine }));
    }
    return parts;
  }

  private async explained(reason: Reason): Promise<Part> {
    return explainReason(reason, await this.library.document(pageOf(reason)));
  }

  private async *askHealth(ctx: AgentContext): AsyncGenerator<AgentOutput, Part, void> {
    const words = yield* ctx.tool('health', {}, () => this.health.summary(), {
      idempotent: true,
      summary: ({ status }) => status,
    });
    return tellHealth(words);
  }

  private async *search(ctx: AgentContext, query: string): Parts {
    const passages = yield* ctx.tool('search_docs', { query }, () => this.library.search(query), {
      idempotent: true,
      summary: (found) => (found.length === 0 ? 'Nothing found' : found.map(({ source }) => source).join(', ')),
    });
    return passages.map(quote);
  }
}

async function understand(ctx: AgentContext): Promise<Question> {
  const question = readQuestion(ctx.message);
  if (!pointsBack(question)) return question;
  const earlier = await ctx.history(HISTORY);
  return withEarlier(
    question,
    earlier.filter(({ role }) => role === 'user').map(({ content }) => content),
  );
}

function firstLine({ text }: Part): string {
  return text.slice(0, text.indexOf('\n')).replaceAll(/[*`]/g, '');
}

function thought({ greets, asksHealth, codes, reasons, supportCodes, unknownCodes }: Question): string {
  const named = [...supportCodes, ...reasons, ...codes, ...unknownCodes];
  if (greets) return 'This is a greeting.';
  if (named.length > 0) return `The question is about ${named.slice(0, MAX_NAMED).join(', ')}.`;
  return asksHealth ? 'The question is how Clarion is.' : 'Looking in the documents.';
}
