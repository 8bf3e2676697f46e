import { Agent, type AgentContext, type AgentRunner, type AgentStream } from '../agent';

@Agent({ name: 'count', description: 'Counts the words of this conversation', timeoutMs: 30_000 })
export class CountAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield ctx.thinking('Reading the conversation.');
    const earlier = await ctx.history(20);
    const texts = [...earlier.map(({ content }) => content), ctx.message];
    const words = yield* ctx.tool(
      'count_words',
      { messages: texts.length },
      () => texts.join(' ').split(/\s+/).length,
      (count) => `${count} words`,
    );
    yield 'So far we have exchanged ';
    yield `${words} words.`;
  }
}
