import { readdir } from 'node:fs/promises';
import { ALL_REASONS, CATALOGUE, isReason, type Reason } from './index';
import { PAGES, readPage } from './pages';
import { LANGUAGES, userText } from './texts';

const SECTIONS = ['## What it means', '## Why it happens', '## What to do'];
const PLACEHOLDER = /\b(?:TODO|TBD|FIXME|XXX|lorem)\b|\{\w*\}|…|\.\.\.|<\w+>/i;

/** What does not fit together in reasons, pages and texts, one line each; empty when all is well. */
export async function checkCatalogue(): Promise<string[]> {
  const pages = (await readdir(PAGES)).filter((file) => file.endsWith('.md')).map((file) => file.slice(0, -3));
  const orphans = pages.filter((page) => !isReason(page));
  const problems = await Promise.all(
    ALL_REASONS.map(async (reason) => [
      ...(pages.includes(reason) ? pageProblems(reason, await readPage(reason)) : [`${reason}: has no page`]),
      ...Object.keys(LANGUAGES).flatMap((language) => textProblems(reason, language)),
    ]),
  );
  const strangers = Object.entries(LANGUAGES).flatMap(([language, texts]) =>
    Object.keys(texts)
      .filter((name) => !isReason(name))
      .map((name) => `${name}: has texts (${language}), but is no reason`),
  );
  return [...orphans.map((page) => `${page}: has a page, but is no reason`), ...strangers, ...problems.flat()];
}

/** The line that begins each page, so that none drifts from the catalogue. */
function factsLine(reason: Reason): string {
  const { code, component, severity, retryable, retryAfterMs } = CATALOGUE[reason];
  const retry = retryable ? `retryable after ${retryAfterMs ?? 0} ms` : 'not retryable';
  return `Code ${code} · ${component} · ${severity} · ${retry}`;
}

function pageProblems(reason: Reason, page: string): string[] {
  const expected = [`# ${reason}`, factsLine(reason), ...SECTIONS];
  const lines = page.split('\n');
  const missing = expected.filter((line) => !lines.includes(line)).map((line) => `${reason}: its page lacks "${line}"`);
  return PLACEHOLDER.test(page.replaceAll(/`[^`]*`/g, ''))
    ? [...missing, `${reason}: its page has a placeholder`]
    : missing;
}

function textProblems(reason: Reason, language: string): string[] {
  if (!Object.hasOwn(LANGUAGES[language] ?? {}, reason)) return [`${reason}: has no texts (${language})`];
  return Object.entries<string>({ ...userText(reason, language) })
    .filter(([, text]) => text.trim() === '' || PLACEHOLDER.test(text))
    .map(([field, text]) => `${reason}: its ${field} (${language}) is empty or a placeholder: "${text}"`);
}
