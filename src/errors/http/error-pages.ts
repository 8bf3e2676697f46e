import { COMPONENT_BY_CODE, ERROR_CODES } from '@clarion/protocol';
import { marked } from 'marked';
import type { Reason } from '../catalogue';
import type { UserText } from '../catalogue/texts/user-text';
import { escapeHtml, htmlPage } from './html-page';

/** What is public of a reason. */
export interface CatalogueEntry {
  readonly reason: Reason;
  readonly code: number;
  readonly user_notification: UserText;
  readonly help_url: string;
}

/** Every reason, by component, with the headline that users see. */
export function listPage(entries: readonly CatalogueEntry[]): string {
  const sections = ERROR_CODES.map((code) => {
    const items = entries
      .filter((entry) => entry.code === code)
      .map(({ reason, help_url, user_notification }) => {
        const link = `<a href="${escapeHtml(help_url)}"><code>${reason}</code></a>`;
        return `<li>${link}<br>${escapeHtml(user_notification.message)}</li>`;
      });
    return `<h2>${code} ${COMPONENT_BY_CODE[code]}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
  });
  const about =
    '<p>What each failure means, why it happens, and what to do. An occurrence is found by its support code.</p>';
  return htmlPage({ title: 'Errors', body: `<h1>Errors</h1>\n${about}\n${sections.join('\n')}` });
}

/** One reason: what users are told, in their language, and the page of the documentation. */
export function reasonPage({ reason, user_notification }: CatalogueEntry, markdown: string): string {
  const { message, user_friendly_message, action_required } = user_notification;
  const told = `<div class="notice"><strong>${escapeHtml(message)}</strong><br>${escapeHtml(user_friendly_message)} ${escapeHtml(action_required)}</div>`;
  const [heading = '', ...rest] = markdown.split('\n');
  const page = marked.parse(rest.join('\n'), { async: false });
  const body = `<h1>${escapeHtml(heading.replace(/^# /, ''))}</h1>\n${told}\n${page}\n<p><a href="/errors">All errors</a></p>`;
  return htmlPage({ title: reason, body });
}
