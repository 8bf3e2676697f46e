import type { FailureStory } from '../../admin';
import { fields, section } from './lines';

type Alert = FailureStory['alerts'][number];
type Told = NonNullable<FailureStory['told']>;

const WAYS: Readonly<Record<Told['by'], string>> = {
  event: 'by an event in their mailbox',
  answer: 'by the answer to what they asked; no receipt of that is kept',
  nothing: 'not told: it was not theirs to know',
  unknown: 'it can not be told whether',
};

/** The story of a failure, for a terminal. */
export function failureLines(story: FailureStory): string[] {
  const { health, told } = story;
  return [
    `${story.support_code}: ${story.code} ${story.component}, ${story.severity}`,
    ...fields({
      When: story.count > 1 ? `${story.occurred_at} to ${story.last_at}, ${story.count} times` : story.occurred_at,
      During: story.operation,
      User: story.user_id,
      From: story.source,
      Thread: story.thread_id,
      Run: runOf(story),
      Job: story.job_id,
      Trace: story.trace_id,
      Fingerprint: story.fingerprint,
      Details: jsonOf({ ...story.details, ...story.private_details }),
      Health: health && healthOf(health),
      Meaning: `docs/errors/${story.reason}.md, or /errors/${story.reason}`,
    }),
    ...(told === null
      ? section('User', ['It concerned no user.'])
      : section('What the user was told', toldLines(told))),
    ...section('Alerts', story.alerts.map(alertLine)),
    ...section('Root cause', linesOf(story.root_cause)),
    ...section('Stack', linesOf(story.stack)),
    ...section('Missing', story.missing),
  ];
}

function runOf({ run, run_id }: FailureStory): string | null {
  if (run_id === null) return null;
  return run === null ? run_id : `${run_id}, ${run.status}, attempt ${run.attempt}; npm run lookup -- ${run_id}`;
}

function healthOf({ status, failed, degraded }: NonNullable<FailureStory['health']>): string {
  const parts = [
    failed.length > 0 ? `failed: ${failed.join(', ')}` : '',
    degraded.length > 0 ? `degraded: ${degraded.join(', ')}` : '',
  ];
  return [status, ...parts.filter((part) => part !== '')].join('; ');
}

function toldLines({ by, seen, locale, texts, events }: Told): string[] {
  const said = by === 'nothing' ? [] : [`"${texts.message}" ${texts.user_friendly_message} ${texts.action_required}.`];
  const knows = seen === null ? [] : [seen ? 'They have received it.' : 'They have not received it yet.'];
  return [
    `Told ${WAYS[by]}${locale === null ? '' : ` (${locale})`}`.replace('Told not told', 'Not told'),
    ...said,
    ...knows,
    ...events.flatMap((event) => [
      `event ${event.seq} ${event.type} at ${event.at}`,
      ...event.devices.map(
        ({ device_id, seen: has, last_read_at }) =>
          `  device ${device_id}: ${has ? 'received' : 'not received'}, last read ${last_read_at}`,
      ),
      ...event.digests.map(({ channel, state, ended_at }) =>
        `  digest by ${channel}: ${state} ${ended_at ?? ''}`.trimEnd(),
      ),
    ]),
  ];
}

function alertLine({ opened_at, rule, component, status, summary, notified_at, resolved_at }: Alert): string {
  const told = notified_at === null ? 'nobody was told' : `told at ${notified_at}`;
  return `${opened_at}  ${rule} ${component}: ${summary}; ${status}${resolved_at === null ? '' : ` at ${resolved_at}`}, ${told}`;
}

function jsonOf(details: object): string | null {
  return Object.keys(details).length === 0 ? null : JSON.stringify(details);
}

function linesOf(text: string | null): string[] {
  return text === null ? [] : text.split('\n');
}
