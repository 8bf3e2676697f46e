import { createHash } from 'node:crypto';

const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 1.5rem; color: #1b1f24; background: #f6f7f9 }
main { max-width: 44rem; margin: 1rem auto; padding: 1.5rem; background: #fff; border: 1px solid #c8cdd3; border-radius: .5rem }
main.narrow { max-width: 32rem }
h1 { font-size: 1.35rem; margin-top: 0; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .25rem }
a { color: #0b57a4; overflow-wrap: anywhere }
ul { padding-left: 1.2rem }
li { margin: .35rem 0 }
label { font-weight: 600 }
textarea { box-sizing: border-box; width: 100%; font: .9rem monospace; margin: .25rem 0 1rem; overflow-wrap: anywhere }
button { font: inherit; padding: .6rem 1.2rem; color: #fff; background: #0b57a4; border: 0; border-radius: .35rem }
:focus-visible { outline: 3px solid #f0a500; outline-offset: 2px }
code { overflow-wrap: anywhere }
.notice { padding: .75rem 1rem; margin-bottom: 1rem; border-left: .3rem solid #0b57a4; background: #eaf2fb }
.failure { padding: .75rem 1rem; margin-bottom: 1rem; border-left: .3rem solid #b3261e; background: #fdecea }
`;

/** Same-origin referrers stay: without any, browsers send `Origin: null` with a form, which no check can use. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

interface Page {
  readonly title: string;
  /** HTML: what in it comes from elsewhere is escaped. */
  readonly body: string;
  /** BCP 47; default English. */
  readonly language?: string;
  readonly narrow?: boolean;
}

/** A whole page in the one style of all pages, without scripts; to be sent with `PAGE_HEADERS`. */
export function htmlPage({ title, body, language = 'en', narrow = false }: Page): string {
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} – Clarion</title>
<style>${STYLE}</style>
</head>
<body>
<main${narrow ? ' class="narrow"' : ''}>
${body}
</main>
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
