import { z } from 'zod';
import type { AppConfig } from '../../config';
import type { HttpOutcome, OutboundHttp } from '../../outbound';
import { type AlertNotice, cut, factsOf, headline } from '../notice';
import type { AlertChannel, ChannelOutcome } from './channel';

const MAX_SECTION = 3_000;
const MAX_HEADER = 300;

/** What of the Web API's refusals may be taken later. */
const PASSING: ReadonlySet<string> = new Set([
  'ratelimited',
  'rate_limited',
  'internal_error',
  'fatal_error',
  'request_timeout',
  'service_unavailable',
]);

const Answer = z.object({ ok: z.boolean(), error: z.string().optional() });

/** Slack, by an incoming webhook or by the Web API. */
export class SlackChannel implements AlertChannel {
  readonly name = 'slack';
  readonly paceMs = 1_000;
  readonly target = null;

  constructor(
    private readonly settings: AppConfig['alerts'],
    private readonly http: OutboundHttp,
  ) {}

  async send(notice: AlertNotice): Promise<ChannelOutcome> {
    const { slackWebhookUrl, slackToken = '', slackChannel, slackUrl } = this.settings;
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    const message = messageOf(notice);
    if (slackWebhookUrl !== undefined) {
      return this.http.send({ url: slackWebhookUrl, headers, body: JSON.stringify(message) });
    }
    const outcome = await this.http.send({
      url: new URL('/api/chat.postMessage', slackUrl).href,
      headers: { ...headers, authorization: `Bearer ${slackToken}` },
      body: JSON.stringify({ channel: slackChannel, ...message }),
    });
    return outcome.sent ? verdictOf(outcome) : outcome;
  }
}

/** The Web API refuses with status 200. */
function verdictOf({ status, body }: HttpOutcome & { sent: true }): ChannelOutcome {
  const answer = Answer.safeParse(jsonOf(body)).data;
  if (answer?.ok === true) return { sent: true };
  const detail = answer?.error ?? body.slice(0, 200);
  return { sent: false, kind: 'rejected', retryable: PASSING.has(detail), retryAfterMs: null, status, detail };
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false, error: 'the answer is no JSON' };
    throw error;
  }
}

function messageOf(notice: AlertNotice) {
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text: cut(text, MAX_SECTION) } });
  const title = cut(escaped(headline(notice)), MAX_HEADER);
  return { text: title, blocks: [section(`*${title}*`), section(escaped(factsOf(notice)))] };
}

/** The three characters that mean something to Slack. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
