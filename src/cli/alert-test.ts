import { randomUUID } from 'node:crypto';
import { AlertChannels, type AlertNotice } from '../alerts';
import { loadConfigFromProcess } from '../config';
import { OutboundHttp, OutboundMail } from '../outbound';

/** `npm run alert:test -- [channel…]`: sends a test alert and its end on these channels, or on all that are configured; exits 1 when one does not take it. */
async function main(): Promise<void> {
  const config = loadConfigFromProcess();
  const channels = new AlertChannels(config, new OutboundHttp(config.outbound), new OutboundMail(config.outbound));
  const given = process.argv.slice(2);
  const names = given.length > 0 ? given : channels.names;
  if (names.length === 0) throw new Error('Usage: npm run alert:test -- <channel>; or set ALERT_CHANNELS');
  for (const name of names) await test(channels, name, config.alerts.source);
}

async function test(channels: AlertChannels, name: string, source: string): Promise<void> {
  const id = randomUUID();
  for (const action of ['trigger', 'resolve'] as const) {
    const outcome = await channels.send(name, noticeOf(id, source, action), randomUUID());
    const told = outcome.sent ? 'taken' : `${outcome.kind} ${outcome.status ?? ''} ${outcome.detail}`;
    process.stdout.write(`${name} ${action}: ${told}\n`);
    if (outcome.sent) continue;
    process.exitCode = 1;
    return;
  }
}

function noticeOf(id: string, source: string, action: 'trigger' | 'resolve'): AlertNotice {
  const now = new Date().toISOString();
  return {
    action,
    alert_id: id,
    dedup_key: `${source}/test/${id}`,
    source,
    rule: 'test',
    group: 'test',
    component: 'alerts',
    severity: 'info',
    summary: 'A test of this channel',
    details: {},
    opened_at: now,
    resolved_at: action === 'resolve' ? now : null,
    acknowledged_by: null,
  };
}

void main();
