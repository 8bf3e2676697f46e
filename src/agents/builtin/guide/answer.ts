import type { HealthWords } from '../../../errors';
import type { SupportCodeStory } from './contracts';
import type { Passage } from './library';

/** A part of an answer and the documents it comes from. */
export interface Part {
  text: string;
  sources: string[];
}

const ABILITIES = `- what an error means: "What does error 1005 mean?" or "What is DATABASE_UNAVAILABLE?"
- what happened to you: give me a support code of yours, such as DATABASE_UNAVAILABLE_7K3F9QXM
- how Clarion is: "Is everything working?"
- how it is run, configured and built upon: "How do I start it?", "How do I write an agent?", "How does a client build an answer?"`;

const WORDS_A_PIECE = /(?:\s*\S+){1,3}\s*/g;

/** The parts as one Markdown text that names its sources at the end. */
export function compose(parts: Part[]): string {
  const sources = new Set(parts.flatMap((part) => part.sources));
  const text = parts.map((part) => part.text).join('\n\n');
  return sources.size === 0 ? text : `${text}\n\nSources: ${[...sources].join(', ')}`;
}

/** A text in the pieces in which it is streamed: a few words each. */
export function piecesOf(text: string): string[] {
  return text.match(WORDS_A_PIECE) ?? [];
}

export function greeting(): Part {
  return {
    text: `Hello. I am the guide: I answer questions about Clarion itself. You can ask me\n\n${ABILITIES}`,
    sources: [],
  };
}

export function nothingFound(): Part {
  const text = `I found nothing about this in Clarion's documents, and I do not guess. What you can ask me:\n\n${ABILITIES}`;
  return { text, sources: [] };
}

export function quote({ heading, text, source }: Passage): Part {
  return { text: `**${heading}**\n\n${text}`, sources: [source] };
}

export function tellStory(code: string, story: SupportCodeStory | null): Part {
  const sources = ['docs/OPERATIONS.md#look-up-a-support-code'];
  if (story === null) {
    const text = `I know of no failure \`${code}\` that concerned you. I show only your own; an admin finds every one at \`/admin/api/errors/${code}\`.`;
    return { text, sources };
  }
  const when = story.timestamp.replace('T', ' at ').replace(/\.\d+Z$/, ' UTC');
  return { text: `\`${code}\` happened to you on ${when}, during \`${story.operation}\`.`, sources };
}

export function tellHealth({ status, failed, degraded }: HealthWords): Part {
  const lines = [`Clarion is **${status}** right now.`];
  if (failed.length > 0) lines.push(`Failed: ${failed.join(', ')}.`);
  if (degraded.length > 0) lines.push(`Degraded: ${degraded.join(', ')}.`);
  if (failed.length + degraded.length === 0) lines.push('No component has failed and none is degraded.');
  lines.push('The full report is at `/health/components`.');
  return { text: lines.join(' '), sources: ['docs/OPERATIONS.md#health'] };
}
