import { integer, list, signingKeys, text, textOr, url } from './setting';

export const CHANNEL_NAMES = ['pagerduty', 'opsgenie', 'slack', 'email', 'webhook'] as const;

/** Who is told when something is wrong, and from when on. */
export const alertSettings = {
  channels: list(
    'ALERT_CHANNELS',
    new RegExp(`^(${CHANNEL_NAMES.join('|')})$`),
    `${CHANNEL_NAMES.join(', ')}, separated by commas`,
    [],
    'Where alerts go: to the first; to the next where that does not take them. Unset: alerts are kept and logged only.',
  ),
  source: textOr('ALERT_SOURCE', 'clarion', 'Name of this deployment in alerts; the same for all its processes.'),
  waitMs: integer(
    'ALERT_WAIT_MS',
    0,
    600_000,
    5_000,
    'How long something has to be wrong before anybody is told; what it causes is found in this time, and muted.',
  ),
  degradedWaitMs: integer(
    'ALERT_DEGRADED_WAIT_MS',
    0,
    86_400_000,
    300_000,
    'The same for what is merely degraded, and not by a critical failure.',
  ),
  quietMs: integer(
    'ALERT_QUIET_MS',
    1_000,
    600_000,
    10_000,
    'How long something must not have been wrong before its alert is over; twice as long with each return in a quarter of an hour.',
  ),
  repeatMs: integer(
    'ALERT_REPEAT_MS',
    60_000,
    604_800_000,
    14_400_000,
    'How often an alert that stays, and that nobody has acknowledged, is told again.',
  ),
  attempts: integer(
    'ALERT_SEND_ATTEMPTS',
    1,
    20,
    5,
    'How often a message is sent to a channel that does not take it, before the next channel gets it.',
  ),
  retryMs: integer(
    'ALERT_SEND_RETRY_MS',
    100,
    60_000,
    1_000,
    'Pause after the first of those attempts; it doubles with each, up to a minute. What the provider asks for goes before.',
  ),
  channelRetryMs: integer(
    'ALERT_CHANNEL_RETRY_MS',
    500,
    86_400_000,
    300_000,
    'How often a channel is offered again what it did not take last, until it takes it.',
  ),
  failures: integer('ALERT_FAILURES', 1, 1_000_000, 50, 'Failures of one component in five minutes that are an alert.'),
  queueAgeMs: integer(
    'ALERT_QUEUE_AGE_MS',
    1_000,
    86_400_000,
    60_000,
    'How long the oldest job of a queue may wait before that is an alert.',
  ),
  heartbeatUrl: url(
    'ALERT_HEARTBEAT_URL',
    ['http', 'https'],
    'Called every minute while tasks and alerting work: the service behind it tells you when the calls stop.',
  ),
  pagerdutyRoutingKey: text('PAGERDUTY_ROUTING_KEY', 'Integration key of a PagerDuty service (Events API v2).', {
    secret: true,
  }),
  pagerdutyUrl: textOr('PAGERDUTY_URL', 'https://events.pagerduty.com', 'Events API v2; the EU has its own.'),
  opsgenieApiKey: text('OPSGENIE_API_KEY', 'Key of an Opsgenie API integration. Opsgenie ends on 5 April 2027.', {
    secret: true,
  }),
  opsgenieUrl: textOr('OPSGENIE_URL', 'https://api.opsgenie.com', 'Opsgenie API; the EU has its own.'),
  slackWebhookUrl: url('SLACK_WEBHOOK_URL', ['http', 'https'], 'Incoming webhook of Slack; or SLACK_TOKEN.'),
  slackToken: text('SLACK_TOKEN', 'Bot token with chat:write, for SLACK_CHANNEL.', { secret: true }),
  slackChannel: text('SLACK_CHANNEL', 'Channel of Slack, with SLACK_TOKEN.'),
  slackUrl: textOr('SLACK_URL', 'https://slack.com', 'Web API of Slack.'),
  emailTo: text('ALERT_EMAIL_TO', 'One address that gets alerts by e-mail; needs SMTP_URL.'),
  webhookUrl: url('ALERT_WEBHOOK_URL', ['http', 'https'], 'Gets alerts as JSON, signed after Standard Webhooks.'),
  webhookSecrets: signingKeys(
    'ALERT_WEBHOOK_SECRET',
    'Key that signs those webhooks: whsec_ and 24 to 64 bytes in base64. Several: each signs, for as long as a key is exchanged.',
  ),
} as const;
