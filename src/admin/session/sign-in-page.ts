import { createHash } from 'node:crypto';
import type { UserNotification } from '@clarion/protocol';

const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; padding: 1.5rem; color: #1b1f24; background: #f6f7f9 }
main { max-width: 32rem; margin: 2rem auto; padding: 1.5rem; background: #fff; border: 1px solid #c8cdd3; border-radius: .5rem }
h1 { font-size: 1.35rem; margin-top: 0 }
label { font-weight: 600 }
textarea { box-sizing: border-box; width: 100%; font: .9rem monospace; margin: .25rem 0 1rem; overflow-wrap: anywhere }
button { font: inherit; padding: .6rem 1.2rem; color: #fff; background: #0b57a4; border: 0; border-radius: .35rem }
:focus-visible { outline: 3px solid #f0a500; outline-offset: 2px }
code { overflow-wrap: anywhere }
.failure { padding: .75rem 1rem; margin-bottom: 1rem; border-left: .3rem solid #b3261e; background: #fdecea }
`;

/** Same-origin referrers stay: without any, browsers send `Origin: null` with the form, which no check can use. */
export const SIGN_IN_HEADERS: Readonly<Record<string, string>> = {
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

/** The sign-in form, with what went wrong the last time. */
export function signInPage(failure?: UserNotification): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in – Clarion</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Sign in to Clarion</h1>
${failure ? failureText(failure) : ''}<form method="post" action="/admin/session">
<label for="token">Admin token</label>
<textarea id="token" name="token" rows="6" required autofocus autocomplete="off" autocapitalize="off" spellcheck="false"></textarea>
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
`;
}

function failureText({ user_friendly_message, action_required, support_code }: UserNotification): string {
  return `<div class="failure" role="alert">
<p>${escape(user_friendly_message)} ${escape(action_required)}</p>
<p>Support code: <code>${escape(support_code)}</code></p>
</div>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
