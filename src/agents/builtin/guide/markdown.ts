/** A part of a document under one heading. */
export interface Section {
  /** Relative to the package root, with the heading's anchor: `docs/PROTOCOL.md#1-connecting`. */
  source: string;
  /** The document's title. */
  title: string;
  heading: string;
  /** Paragraphs, list items, table rows (as list items) and code blocks, in their order. */
  blocks: string[];
}

const HEADING = /^(#{1,6})\s+(.+?)\s*#*$/;
const FENCE = /^\s*(```|~~~)/;
const LIST_ITEM = /^\s{0,3}([-*]|[A-Z]?\d+\.)\s/;
const TABLE_ROW = /^\s*\|(.+)\|\s*$/;
const TABLE_RULE = /^[\s|:-]+$/;

/** Splits Markdown at its headings; what stands before the first one belongs to the document itself. */
export function sectionsOf(path: string, markdown: string): Section[] {
  const parts: { heading: string; lines: string[] }[] = [{ heading: '', lines: [] }];
  let fenced = false;
  for (const line of markdown.split('\n')) {
    if (FENCE.test(line)) fenced = !fenced;
    const heading = fenced ? undefined : HEADING.exec(line)?.[2];
    if (heading === undefined) parts.at(-1)?.lines.push(line);
    else parts.push({ heading, lines: [] });
  }
  const title = parts.find(({ heading }) => heading !== '')?.heading ?? path;
  return parts
    .map(({ heading, lines }) => ({
      source: heading === '' || heading === title ? path : `${path}#${anchorOf(heading)}`,
      title,
      heading: heading || title,
      blocks: blocksOf(lines),
    }))
    .filter(({ blocks }) => blocks.length > 0);
}

/** The anchor that GitHub gives a heading. */
export function anchorOf(heading: string): string {
  const kept = heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '');
  return kept.trim().replaceAll(/\s/gu, '-');
}

export function isListItem(block: string): boolean {
  return LIST_ITEM.test(block);
}

function blocksOf(lines: string[]): string[] {
  const blocks: string[][] = [[]];
  let fenced = false;
  for (const line of lines) {
    const fence = FENCE.test(line);
    const begins = fence ? !fenced : !fenced && (line.trim() === '' || LIST_ITEM.test(line) || TABLE_ROW.test(line));
    if (begins) blocks.push([]);
    blocks.at(-1)?.push(line);
    if (fence && fenced) blocks.push([]);
    if (fence) fenced = !fenced;
  }
  return blocks.map((block, index) => readable(block, blocks[index + 1])).filter((block) => block !== '');
}

function readable(lines: string[], next: string[] | undefined): string {
  const text = lines.join('\n').trim();
  const row = TABLE_ROW.exec(text)?.[1];
  if (row === undefined) return text;
  // The rule under a table's head, and the head above it, say nothing by themselves.
  if (TABLE_RULE.test(text) || (next !== undefined && TABLE_RULE.test(next.join('')) && next.join('').includes('-'))) {
    return '';
  }
  const [first, ...rest] = row.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
  return `- ${first ?? ''}: ${rest.filter((cell) => cell !== '').join('; ')}`;
}
