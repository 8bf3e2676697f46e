import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Injectable } from '@nestjs/common';
import MiniSearch from 'minisearch';
import { isListItem, type Section, sectionsOf } from './markdown';
import { termOf, tokenize } from './terms';

/** What answers a question: the fitting blocks of one section. */
export interface Passage {
  source: string;
  heading: string;
  text: string;
}

interface Block {
  id: number;
  section: Section;
  title: string;
  heading: string;
  text: string;
}

interface Shelves {
  sections: Section[];
  index: MiniSearch<Block>;
}

interface Hit {
  section: Section;
  /** Of its best block. */
  score: number;
  /** Best first. */
  blocks: string[];
  /** Which terms of the question occur. */
  terms: Set<string>;
}

/** The package's root, seen from `src` and from `dist` alike. */
const ROOT = resolve(__dirname, '../../../..');
const SHELVES = [
  { folder: '', name: /^README\.md$/ },
  { folder: 'docs/', name: /\.md$/ },
  { folder: 'docs/errors/', name: /\.md$/ },
];
const MAX_PASSAGES = 3;
/** Of the best passage and of the others. */
const MAX_BLOCKS = { first: 4, other: 2 };
/** The share of the best passage's score below which another is not quoted. */
const WORTH = 0.6;
const ERROR_PAGE_WEIGHT = 0.3;
/** A section of at most so many characters is quoted whole. */
const WHOLE_SECTION = 700;

/** Full-text search in Clarion's own documents, read once, at the first question. */
@Injectable()
export class Library {
  private shelves: Promise<Shelves> | null = null;

  /** The passages that answer `query`, best first; none where the documents do not speak of it. */
  async search(query: string): Promise<Passage[]> {
    const { index } = await this.loaded();
    const wanted = new Set(
      tokenize(query)
        .map(termOf)
        .filter((term) => term !== null),
    );
    if (wanted.size === 0) return [];
    const hits = hitsOf(index, query)
      .filter(({ terms }) => terms.size * 2 >= wanted.size || terms.size >= 3)
      .map((hit) => ({ ...hit, score: (hit.score * (hit.terms.size + 1)) / (wanted.size + 1) }))
      .sort((one, other) => other.score - one.score);
    const best = hits[0]?.score ?? 0;
    return hits
      .filter(({ score }) => score > best * WORTH)
      .slice(0, MAX_PASSAGES)
      .map(passageOf);
  }

  /** The sections of one document; none where it does not exist. */
  async document(path: string): Promise<Section[]> {
    const { sections } = await this.loaded();
    return sections.filter(({ source }) => source === path || source.startsWith(`${path}#`));
  }

  private async loaded(): Promise<Shelves> {
    this.shelves ??= readShelves();
    try {
      return await this.shelves;
    } catch (error) {
      this.shelves = null; // so that the next question reads again
      throw error;
    }
  }
}

async function readShelves(): Promise<Shelves> {
  const paths = (await Promise.all(SHELVES.map(documentsOn))).flat();
  const sections = (await Promise.all(paths.map(read))).flat();
  return { sections, index: indexOf(sections) };
}

function indexOf(sections: Section[]): MiniSearch<Block> {
  const index = new MiniSearch<Block>({
    fields: ['title', 'heading', 'text'],
    storeFields: ['section', 'text'],
    tokenize,
    processTerm: termOf,
  });
  const blocks = sections.flatMap((section) =>
    section.blocks.map((text) => ({ section, title: section.title, heading: section.heading, text })),
  );
  index.addAll(blocks.map((block, id) => ({ ...block, id })));
  return index;
}

async function documentsOn({ folder, name }: (typeof SHELVES)[number]): Promise<string[]> {
  const files = await readdir(join(ROOT, folder));
  return files.filter((file) => name.test(file)).map((file) => `${folder}${file}`);
}

async function read(path: string): Promise<Section[]> {
  return sectionsOf(path, await readFile(join(ROOT, path), 'utf8'));
}

/** The sections in which something was found, best first. */
function hitsOf(index: MiniSearch<Block>, query: string): Hit[] {
  const hits = new Map<Section, Hit>();
  const results = index.search(query, {
    boost: { heading: 3, title: 2 },
    // Many short pages of one form would bury the others; who names a reason gets its page anyway.
    boostDocument: (_id, _term, stored) => (isErrorPage(stored?.section as Section) ? ERROR_PAGE_WEIGHT : 1),
    prefix: (term) => term.length >= 4,
    fuzzy: (term) => (term.length >= 7 ? 1 : false),
    weights: { prefix: 0.5, fuzzy: 0.2 },
  });
  for (const result of results) {
    const section = result.section as Section;
    const hit = hits.get(section) ?? { section, score: result.score, blocks: [], terms: new Set() };
    hit.blocks.push(result.text as string);
    for (const term of result.queryTerms) hit.terms.add(term);
    hits.set(section, hit);
  }
  return [...hits.values()];
}

function passageOf({ section, blocks }: Hit, rank: number): Passage {
  const { source } = section;
  // "What to do" stands on every error page.
  const heading = isErrorPage(section) ? `${section.title}: ${section.heading}` : section.heading;
  const whole = joined(section.blocks);
  if (whole.length <= WHOLE_SECTION) return { source, heading, text: whole };
  const chosen = new Set(blocks.slice(0, rank === 0 ? MAX_BLOCKS.first : MAX_BLOCKS.other));
  const shown = section.blocks.filter((block, at) => chosen.has(block) || announcedBy(section.blocks[at - 1], chosen));
  return { source, heading, text: joined(shown) };
}

function isErrorPage({ source }: Section): boolean {
  return source.startsWith('docs/errors/');
}

// A sentence that ends in a colon is nothing without what it announces.
function announcedBy(previous: string | undefined, chosen: Set<string>): boolean {
  return previous !== undefined && previous.endsWith(':') && chosen.has(previous);
}

/** Blocks as the Markdown that they were. */
export function joined(blocks: string[]): string {
  return blocks
    .map((block, at) => {
      const before = blocks[at - 1];
      if (before === undefined) return block;
      return isListItem(before) && isListItem(block) ? `\n${block}` : `\n\n${block}`;
    })
    .join('');
}
