import { closeCode, COMPONENT_BY_CODE, ERROR_CODES, type ErrorCode } from '@clarion/protocol';
import { ALL_REASONS, CATALOGUE, type Reason, userText } from '../../../errors';
import type { Part } from './answer';
import { joined } from './library';
import type { Section } from './markdown';

const WHAT_FAILED: Record<ErrorCode, string> = {
  1002: 'Clarion could not establish who is calling, or the caller is not allowed to do this.',
  1003: 'A connection or a session could not be set up.',
  1004: 'A request could not be routed, read or done. The connection stays as it is.',
  1005: 'The database could not do what was asked of it: connectivity, sessions, constraints or capacity.',
  1006: 'Something that Clarion needs around itself is missing or wrong: configuration, environment, an external provider.',
  1007: 'Redis or the queues did not work. Accepted messages are delayed, not lost.',
  1008: 'An agent, one of its tools or the run around it failed.',
  1009: 'Events could not be delivered or replayed as asked.',
  1010: 'A background task, an alert channel or the coordination between processes failed.',
  1011: 'The last resort: a failure that no precise reason is known for. Each occurrence is itself a defect to classify.',
};

const PROTOCOL_ERRORS = 'docs/PROTOCOL.md#5-errors';
const LOOK_UP = 'docs/OPERATIONS.md#look-up-a-support-code';

/** What a code means, its reasons, and what to do. */
export function explainCode(code: ErrorCode): Part {
  const reasons = ALL_REASONS.filter((reason) => CATALOGUE[reason].code === code);
  const lines = reasons.map((reason) => `- \`${reason}\`: ${CATALOGUE[reason].message}. ${retrySentence(reason)}`);
  const text = `**Error ${code} comes from the component ${COMPONENT_BY_CODE[code]}.** ${WHAT_FAILED[code]}

The \`reason\` beside the code names the precise cause:

${lines.join('\n')}

What to do: act on \`reason\` and \`retryable\`. Where \`retryable\` is true, wait \`retry_after_ms\` and repeat with the same ids: nothing is done twice. Where it is false, change \
what the reason names before you try again. \`user_notification\` holds the sentences for your user, and the support code finds the whole story.

If you run Clarion: \`/health/components\` shows whether the component is well, and \`/admin/api/errors/<SUPPORT_CODE>\` tells the story of one occurrence.`;
  return { text, sources: [PROTOCOL_ERRORS, LOOK_UP, ...reasons.slice(0, 3).map(pageOf)] };
}

/** What a reason means; `page` is its page in docs/errors. */
export function explainReason(reason: Reason, page: Section[]): Part {
  const { code, component, severity, message, reconnect, httpStatus } = CATALOGUE[reason];
  const { user_friendly_message, action_required } = userText(reason);
  const facts = `**\`${reason}\` is error ${code}, of the component ${component}.** ${message}.

- Severity: ${severity}. HTTP status: ${httpStatus}. Close code: ${closeCode(code, reconnect)}.
- Repeating: ${retrySentence(reason)}
- What the user reads: ${user_friendly_message} ${action_required}.`;
  const chapters = page.filter(({ heading, title }) => heading !== title);
  const texts = chapters.map(({ heading, blocks }) => `**${heading}**\n\n${joined(blocks)}`);
  return { text: [facts, ...texts].join('\n\n'), sources: [pageOf(reason), PROTOCOL_ERRORS] };
}

export function explainUnknownCode(number: string): Part {
  const codes = ERROR_CODES.map((code) => `- ${code}: ${COMPONENT_BY_CODE[code]}`).join('\n');
  return { text: `${number} is none of Clarion's error codes. These are:\n\n${codes}`, sources: [PROTOCOL_ERRORS] };
}

function retrySentence(reason: Reason): string {
  const { retryAfterMs } = CATALOGUE[reason];
  return retryAfterMs === null ? 'The same again fails again.' : `Worth a retry after ${retryAfterMs / 1000} s.`;
}

/** The page of a reason, relative to the package root. */
export function pageOf(reason: Reason): string {
  return `docs/errors/${reason}.md`;
}
