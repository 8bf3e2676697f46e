import type { UserNotification } from '@clarion/protocol';
import { escapeHtml, htmlPage } from '../../errors';

/** The sign-in form, with what went wrong the last time. */
export function signInPage(failure?: UserNotification): string {
  const body = `<h1>Sign in to Clarion</h1>
${failure ? failureText(failure) : ''}<form method="post" action="/admin/session">
<label for="token">Admin token</label>
<textarea id="token" name="token" rows="6" required autofocus autocomplete="off" autocapitalize="off" spellcheck="false"></textarea>
<button type="submit">Sign in</button>
</form>`;
  return htmlPage({ title: 'Sign in', body, narrow: true });
}

function failureText({ user_friendly_message, action_required, support_code }: UserNotification): string {
  return `<div class="failure" role="alert">
<p>${escapeHtml(user_friendly_message)} ${escapeHtml(action_required)}</p>
<p>Support code: <code>${escapeHtml(support_code)}</code></p>
</div>
`;
}
