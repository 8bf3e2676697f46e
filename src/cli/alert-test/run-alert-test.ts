import { randomUUID } from 'node:crypto';
import { AlertChannels, type AlertNotice } from '../../alerts';
import { type AppConfig, CHANNEL_NAMES } from '../../config';
import { OutboundHttp, OutboundMail } from '../../outbound';
import { CommandError } from '../command/command-error';

const USAGE = 'Usage: npm run alert:test -- <channel>…; or set ALERT_CHANNELS';

/** The command `npm run alert:test`. Gives its exit code: 0 where every channel has taken the alert and its end. @throws CommandError */
export async function runAlertTest(
  given: readonly string[],
  config: AppConfig,
  print: (line: string) => void,
): Promise<number> {
  const channels = new AlertChannels(config, new OutboundHttp(config.outbound), new OutboundMail(config.outbound));
  const names = given.length > 0 ? given : channels.names;
  if (names.length === 0) throw new CommandError(USAGE, 2);
  const known: readonly string[] = CHANNEL_NAMES;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new CommandError(`${unknown} is none of ${known.join(', ')}.\n${USAGE}`, 2);
  }
  let taken = true;
  for (const name of names) taken = (await test(channels, name, config.alerts.source, print)) && taken;
  return taken ? 0 : 1;
}

async function test(
  channels: AlertChannels,
  name: string,
  source: string,
  print: (line: string) => void,
): Promise<boolean> {
  const id = randomUUID();
  for (const action of ['trigger', 'resolve'] as const) {
    const outcome = await channels.send(name, noticeOf(id, source, action), randomUUID());
    if (!outcome.sent) {
      const { kind, status, detail } = outcome;
      print(`${name} ${action}: ${[kind, status, detail].filter((part) => part !== null && part !== '').join(' ')}`);
      return false;
    }
    print(`${name} ${action}: taken`);
  }
  return true;
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
