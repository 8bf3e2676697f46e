import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Reason } from './index';

/** The folder of the pages, one Markdown file per reason. */
export const PAGES = resolve(__dirname, '../../../docs/errors');

/** The page of a reason in Markdown: what it means, why it happens, what to do. */
export function readPage(reason: Reason): Promise<string> {
  return readFile(join(PAGES, `${reason}.md`), 'utf8');
}
