import { type Sections, usesDevelopmentIssuer } from './app-config';
import { authChecks } from './auth-checks';
import type { ConfigurationProblem } from './configuration-error';

/** Settings that depend on each other. */
export function crossCheck(sections: Sections): ConfigurationProblem[] {
  const { auth, server, errors, agents, llm, outbound, recovery } = sections;
  const shared = server.role !== 'all';
  const production = server.nodeEnv === 'production';
  const checks: (readonly [boolean, ConfigurationProblem])[] = [
    [
      shared && sections.persistence.databaseUrl === undefined,
      { name: 'DATABASE_URL', found: '', allowed: `the PostgreSQL that all processes share, with ROLE=${server.role}` },
    ],
    [
      shared && sections.redis.url === undefined,
      { name: 'REDIS_URL', found: '', allowed: `the Redis that all processes share, with ROLE=${server.role}` },
    ],
    [
      shared && usesDevelopmentIssuer(sections),
      {
        name: 'AUTH_JWT_SECRET',
        found: '',
        allowed: `a source of trust that all processes share, with ROLE=${server.role}`,
      },
    ],
    ...authChecks(auth, production),
    [production && agents.drillAgent, { name: 'DRILL_AGENT', found: '1', allowed: '0 with NODE_ENV=production' }],
    [
      production && errors.exposeRootCause,
      { name: 'EXPOSE_ROOT_CAUSES', found: '1', allowed: '0 with NODE_ENV=production' },
    ],
    [
      recovery.webhookUrl !== undefined && recovery.webhookSecrets.length === 0,
      { name: 'FALLBACK_WEBHOOK_SECRET', found: '', allowed: 'a signing key, required with FALLBACK_WEBHOOK_URL' },
    ],
    [
      outbound.smtpUrl !== undefined && outbound.smtpFrom === undefined,
      { name: 'SMTP_FROM', found: '', allowed: 'the sender of e-mails, required with SMTP_URL' },
    ],
    [
      llm.baseUrl !== undefined && llm.model === undefined,
      { name: 'LLM_MODEL', found: '', allowed: 'the name of a model, required with LLM_BASE_URL' },
    ],
    [
      llm.baseUrl === undefined && Object.keys(llm.assistants).length > 0,
      { name: 'LLM_BASE_URL', found: '', allowed: 'the endpoint of a model provider, required with ASSISTANTS' },
    ],
    [
      sections.health.details === 'always' && production,
      { name: 'HEALTH_DETAILS', found: 'always', allowed: 'admin or never with NODE_ENV=production' },
    ],
  ];
  return [...checks.filter(([failed]) => failed).map(([, problem]) => problem), ...channelProblems(sections)];
}

/** A channel that is named needs what it is reached by. */
function channelProblems({ alerts, outbound }: Sections): ConfigurationProblem[] {
  const slack = alerts.slackWebhookUrl ?? (alerts.slackToken && alerts.slackChannel);
  const needed: readonly [channel: string, setting: string, found: string | undefined][] = [
    ['pagerduty', 'PAGERDUTY_ROUTING_KEY', alerts.pagerdutyRoutingKey],
    ['opsgenie', 'OPSGENIE_API_KEY', alerts.opsgenieApiKey],
    ['slack', 'SLACK_WEBHOOK_URL', slack],
    ['email', 'ALERT_EMAIL_TO', alerts.emailTo],
    ['email', 'SMTP_URL', outbound.smtpUrl],
    ['webhook', 'ALERT_WEBHOOK_URL', alerts.webhookUrl],
    ['webhook', 'ALERT_WEBHOOK_SECRET', alerts.webhookSecrets[0]],
  ];
  return needed
    .filter(([channel, , found]) => alerts.channels.includes(channel) && !found)
    .map(([channel, name]) => ({
      name,
      found: '',
      allowed: `what .env.example says, as ALERT_CHANNELS has ${channel}`,
    }));
}
