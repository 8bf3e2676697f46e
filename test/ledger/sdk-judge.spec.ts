import type { DurableEvent } from '@clarion/protocol';
import { drillWords } from '../support/chat-client';
import type { Outcome } from './device';
import { CONTENT, EPOCH, erasedLog, event, ids, log, MESSAGE, RUN, THREAD, TOKENS, USER } from './judged-log.fixture';
import { SdkJudge, type Written } from './sdk-judge';
import type { StoredRun } from './truth';
import { Stopwatch, Tally, Witness } from './witness';

const STORED: StoredRun = { client_message_id: 'm1', message_id: MESSAGE, run_id: RUN, status: 'completed' };
const ENDED = { runId: RUN, status: 'completed', content: drillWords(TOKENS), usage: null, error: null } as const;

function wrote(more: Partial<Written> = {}): Written {
  return { content: CONTENT, threadId: null, runId: RUN, outcome: ENDED, refused: null, gone: false, ...more };
}

interface Case {
  events?: DurableEvent[];
  given?: DurableEvent[];
  written?: [string, Written][];
  stored?: StoredRun[];
  threads?: string[];
  deletions?: [string, Outcome<'thread_delete'>[]][];
  trimmed?: number;
  /** What the SDK said is gone. */
  missed?: [from: number, to: number];
}

function judged({
  events = log(),
  given = events,
  written = [['m1', wrote()]],
  stored = [STORED],
  threads = [THREAD],
  deletions = [],
  trimmed = 0,
  missed,
}: Case): string {
  const witness = new Witness(USER, new Stopwatch(), new Tally());
  const truncations = missed === undefined ? [] : [{ from: missed[0], to: missed[1], at: Date.now() }];
  const user = { witness, written: new Map(written), events: given, truncations, deletions: new Map(deletions) };
  const removed = new Map(events.slice(0, trimmed).map(({ seq }) => [seq, 0]));
  new SdkJudge(user, { log: events, stored, threads, trimmed: removed }).judge();
  return witness.problems.join('\n');
}

const DELETED: Case = {
  ...{ events: erasedLog(), given: log(), stored: [], threads: [] },
  deletions: [[THREAD, [{ kind: 'ok', answer: { ok: true, thread_id: THREAD } }]]],
};
const refusedAs = (refused: string): Written => wrote({ threadId: THREAD, runId: null, outcome: null, refused });

it.each<[string, Case]>([
  ['everything is as it was told', {}],
  ['a thread was deleted after the SDK had its answer', DELETED],
  ['a thread was deleted before the SDK had its events', { ...DELETED, given: erasedLog() }],
  [
    'the SDK was told an answer after it was erased',
    { ...DELETED, given: erasedLog(), written: [['m1', wrote({ outcome: { ...ENDED, content: '' } })]] },
  ],
  [
    'the SDK found a run gone whose thread was deleted',
    { ...DELETED, written: [['m1', wrote({ outcome: null, gone: true })]] },
  ],
  [
    'a message was written into a thread that was deleted',
    { ...DELETED, written: [...[['m1', wrote()] as [string, Written]], ['m2', refusedAs('THREAD_NOT_FOUND')]] },
  ],
  [
    'a message was repeated after its thread was deleted',
    { ...DELETED, written: [['m1', refusedAs('THREAD_NOT_FOUND')]] },
  ],
  ['a deletion without an answer was not done', { deletions: [[THREAD, [{ kind: 'unknown', why: 'cut' }]]] }],
  ['the SDK said what is gone', { given: log().slice(2), trimmed: 2, missed: [1, 2] }],
])('finds nothing where %s', (_, fine) => {
  expect(judged(fine)).toBe('');
});

it.each<[string, Case, RegExp]>([
  ['a message is lost', { events: [], stored: [] }, /m1 was written and is lost/],
  [
    'a message is there twice',
    { events: [...log(), { ...log()[0]!, seq: 5, id: `${EPOCH}:5` }] },
    /written once and created 2 times/,
  ],
  ['a message was refused', { written: [['m1', refusedAs('RUN_CONFLICT')]] }, /m1 was refused .* and exists/],
  [
    'a message was refused for a thread that nobody has deleted',
    { written: [...[['m1', wrote()] as [string, Written]], ['m2', refusedAs('THREAD_NOT_FOUND')]] },
    /m2 was refused .*nobody has deleted/,
  ],
  ['a message has other content', { written: [['m1', wrote({ content: '{"tokens":6}' })]] }, /other content/],
  ['nobody has written it', { written: [] }, /was not written/],
  ['a row has no event', { stored: [STORED, { ...STORED, message_id: ids(8) }] }, /no event tells of it/],
  ['a row is missing', { stored: [] }, /0 messages are stored, 1 were created/],
  ['a run has no end', { events: log().slice(0, 3) }, /has 0 ends/],
  ['the end was not told', { written: [['m1', wrote({ outcome: null })]] }, /never told how its run ended/],
  [
    'a run is said to be gone that is there',
    { written: [['m1', wrote({ outcome: null, gone: true })]] },
    /never told how its run ended/,
  ],
  [
    'of a run of a deleted thread nothing was told',
    { ...DELETED, written: [['m1', wrote({ outcome: null })]] },
    /neither an end nor that it is gone/,
  ],
  [
    'another end was told',
    { written: [['m1', wrote({ outcome: { ...ENDED, status: 'failed' } })]] },
    /the SDK told failed .* it was agent_completed/,
  ],
  [
    'half an answer was told',
    { written: [['m1', wrote({ outcome: { ...ENDED, content: 'w0' } })]] },
    /completed without being whole/,
  ],
  [
    'half an answer was told before it was deleted',
    { ...DELETED, given: erasedLog(), written: [['m1', wrote({ outcome: { ...ENDED, content: 'w0' } })]] },
    /completed without being whole/,
  ],
  ['events are missing', { given: log().slice(0, 3) }, /events up to 3 of 4/],
  ['there is a gap', { given: [...log().slice(0, 1), ...log().slice(2)] }, /gave seq 3 after 1/],
  [
    'an event is not that of the mailbox',
    { given: [...log().slice(0, 3), event(4, 'agent_progress', { progress: 1, message: '' })] },
    /the mailbox has something else/,
  ],
  [
    'something is said to be gone which is there',
    { given: log().slice(2), trimmed: 1, missed: [1, 2] },
    /told that 1 to 2 are gone, and 2 was there/,
  ],
  ['a deleted thread has its content', { ...DELETED, events: log() }, /deleted, agent_completed 4 has/],
  ['a deleted thread has rows', { ...DELETED, threads: [THREAD] }, /something of it is left/],
])('says that %s', (_, broken, problem) => {
  expect(judged(broken)).toMatch(problem);
});
