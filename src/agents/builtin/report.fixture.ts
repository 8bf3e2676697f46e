import { Agent, type AgentContext, type AgentRunner, type AgentStream } from '../agent';

@Agent({ name: 'report', description: 'Reports on a subject, with the help of others', continues: true })
export class ReportAgent implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    const [facts, numbers] = yield* ctx.all(
      [
        ctx.run('researcher', `facts about ${ctx.message}`),
        ctx.run('researcher', `numbers about ${ctx.message}`, { onFailure: 'continue', timeoutMs: 20_000 }),
      ],
      { limit: 2 },
    );
    yield `${facts.text}\n`;
    yield numbers.failure ? `No numbers (${numbers.failure.support_code}).\n` : `${numbers.text}\n`;
    if (facts.text.length > 20) {
      const critique = yield* ctx.run('critic', facts.text, { onFailure: { text: 'nothing to add' } });
      yield `Critique: ${critique.text}`;
    }
  }
}
