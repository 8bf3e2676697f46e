import type { DurableEvent } from '@clarion/protocol';
import type { Outcome } from './device';
import { Judge } from './judge';
import { CONTENT, EPOCH, erasedLog, event, ids, log, MESSAGE, RUN, THREAD, USER } from './judged-log.fixture';
import type { Message } from './message';
import type { StoredRun } from './truth';
import { View } from './view';
import { Stopwatch, Tally, Witness } from './witness';

let witness: Witness;

beforeEach(() => {
  witness = new Witness(USER, new Stopwatch(), new Tally());
});

const ACCEPTED = { ok: true, message_id: MESSAGE, thread_id: THREAD, run_id: RUN, duplicate: false } as const;
const STORED: StoredRun = { client_message_id: 'm1', message_id: MESSAGE, run_id: RUN, status: 'completed' };

function sent(more: Partial<Message> = {}): Message {
  return { id: 'm1', content: CONTENT, outcomes: [{ kind: 'ok', answer: ACCEPTED }], ...more };
}

interface Case {
  events?: DurableEvent[];
  received?: DurableEvent[];
  messages?: Message[];
  stored?: StoredRun[];
  cancels?: [string, string][];
  deletions?: [string, Outcome<'thread_delete'>[]][];
  threads?: string[];
  /** How many events retention has removed, long ago. */
  trimmed?: number;
  /** What the client was told is gone before `received`. */
  missed?: [from: number, to: number];
}

function viewOf(received: readonly DurableEvent[], missed?: [number, number]): View {
  const view = new View('phone', witness, `${EPOCH}:0`, () => undefined);
  if (missed !== undefined) {
    reset(view, missed[1]);
    tellTruncated(view, missed);
  }
  for (const one of received) view.accept(one.type, one);
  return view;
}

function judged({
  events = log(),
  received = events,
  messages = [sent()],
  stored = [STORED],
  cancels = [],
  deletions = [],
  threads = [THREAD],
  trimmed = 0,
  missed,
}: Case): string {
  const view = viewOf(received, missed);
  const told = { cancels: new Map(cancels), deletions: new Map(deletions) };
  const removed = new Map(events.slice(0, trimmed).map(({ seq }) => [seq, 0]));
  const user = { witness, messages, devices: [{ view, views: [view] }], ...told };
  new Judge(user, { log: events, stored, threads, trimmed: removed }).judge();
  return witness.problems.join('\n');
}

/** The server begins after `from_seq`. */
function reset(view: View, from_seq: number): void {
  const most = { max_content_bytes: 1, messages_per_minute: 1, connections_per_user: 1, queued_runs_per_thread: 1 };
  view.accept('connection_established', {
    ...{ protocol: 1, connection_id: 'c1', user_id: USER, device_id: 'phone', epoch: EPOCH, head_seq: 4, from_seq },
    ...{ resume: 'reset', server_time: '2026-11-21T17:30:00.000Z', limits: most, health: 'healthy' },
    degraded_components: [],
  });
}

function tellTruncated(view: View, [missed_from, missed_to]: [number, number]): void {
  const [reason, support_code] = ['HISTORY_TRUNCATED', 'HISTORY_TRUNCATED_7K3F9QXM'];
  const words = { message: 'm', user_friendly_message: 'm', action_required: 'a', severity: 'warning' as const };
  const error = {
    ...{ code: 1009, component: 'WebSocketBridge', reason, message: 'm', user_id: USER, support_code },
    ...{ timestamp: '2026-11-21T17:30:00.000Z', details: { missed_from, missed_to }, root_cause: null },
    ...{ severity: 'warning', retryable: false, retry_after_ms: null, close_code: 4009, trace_id: null },
    ...{ run_id: null, thread_id: null, help_url: `/errors/${reason}` },
    user_notification: { ...words, support_code },
  };
  view.accept('error', { type: 'error', error });
}

const DELETED: [string, Outcome<'thread_delete'>[]] = [
  THREAD,
  [{ kind: 'ok', answer: { ok: true, thread_id: THREAD } }],
];
const UNANSWERED: [string, Outcome<'thread_delete'>[]] = [THREAD, [{ kind: 'unknown', why: 'cut' }]];
const GONE: Case = { events: erasedLog(), stored: [], threads: [] };

it.each<[string, Case]>([
  ['everything is as it was told', {}],
  ['a thread was deleted after it was delivered', { ...GONE, received: log(), deletions: [DELETED] }],
  ['a thread was deleted before it was delivered', { ...GONE, deletions: [DELETED] }],
  ['a deletion without an answer was done', { ...GONE, received: log(), deletions: [UNANSWERED] }],
  ['a deletion without an answer was not done', { deletions: [UNANSWERED] }],
  ['retention took a thread before it was deleted', { ...GONE, events: log(), trimmed: 4, deletions: [DELETED] }],
  ['the client was told of what is gone', { received: log().slice(2), trimmed: 2, missed: [1, 2] }],
])('finds nothing where %s', (_, fine) => {
  expect(judged(fine)).toBe('');
});

it.each<[string, Case, RegExp]>([
  ['an acknowledged message is not there', { events: [], stored: [] }, /acknowledged and is lost/],
  ['a message is there twice', { events: [...log(), { ...log()[0]!, seq: 5, id: `${EPOCH}:5` }] }, /created 2 times/],
  [
    'a message was only refused',
    { messages: [sent({ outcomes: [{ kind: 'refused', error: {} as never }] })] },
    /only ever refused/,
  ],
  [
    'two answers call it new',
    { messages: [sent({ outcomes: [...sent().outcomes, ...sent().outcomes] })] },
    /new more than once/,
  ],
  [
    'an answer names another run',
    { messages: [sent({ outcomes: [{ kind: 'ok', answer: { ...ACCEPTED, run_id: ids(9) } }] })] },
    /acknowledged as/,
  ],
  ['nobody has sent it', { messages: [] }, /nobody has sent m1/],
  ['a run has no end', { events: log().slice(0, 3) }, /has 0 ends/],
  ['a run has two ends', { events: [...log(), { ...log()[3]!, seq: 5, id: `${EPOCH}:5` }] }, /has 2 ends/],
  [
    'a run goes on after its end',
    { events: [...log(), { ...log()[1]!, seq: 5, id: `${EPOCH}:5` }] },
    /goes on after its end/,
  ],
  ['the table says something else', { stored: [{ ...STORED, status: 'failed' }] }, /is failed in its table/],
  ['a row has no event', { stored: [STORED, { ...STORED, message_id: ids(8) }] }, /no event tells of it/],
  ['the client got less than there is', { received: log().slice(0, 3) }, /got no further than 3 of 4/],
  [
    'the client got an event that is not there',
    { received: [...log().slice(0, 3), event(4, 'agent_progress', { progress: 1, message: '' })] },
    /the mailbox has agent_completed/,
  ],
  ['an answer is erased in a thread that nobody has deleted', { events: erasedLog() }, /completed with 0 of/],
  ['a thread vanished that nobody has deleted', { stored: [], threads: [] }, /0 messages are stored, 1 were created/],
  [
    'a deleted thread has its content',
    { ...GONE, events: log(), deletions: [DELETED] },
    /deleted, agent_completed 4 has/,
  ],
  ['a deleted thread has rows', { ...GONE, threads: [THREAD], deletions: [DELETED] }, /something of it is left/],
  [
    'a deletion was refused for good',
    { deletions: [[THREAD, [{ kind: 'refused', error: { retryable: false } as never }]]] },
    /refused for good/,
  ],
  ['a deletion was done by half', { ...GONE, threads: [THREAD], deletions: [UNANSWERED] }, /has other content/],
  [
    'a deleted thread lacks an event',
    { ...GONE, events: erasedLog().slice(0, 3), received: log().slice(0, 3), deletions: [DELETED] },
    /has 0 ends/,
  ],
  [
    'an answer was wrong before it was deleted',
    {
      ...GONE,
      received: log().map((one) =>
        one.type === 'agent_completed' ? { ...one, data: { ...one.data, content: 'w0' } } : one,
      ),
      deletions: [DELETED],
    },
    /completed with 2 of/,
  ],
  [
    'a run ended with its thread, which is there',
    {
      events: [...log().slice(0, 3), event(4, 'agent_cancelled', { by: 'thread_deleted', content: '' })],
      stored: [{ ...STORED, status: 'cancelled' }],
    },
    /which nobody has deleted/,
  ],
  [
    'an event is missing beside what the client was told is gone',
    { received: log().slice(3), trimmed: 3, missed: [1, 2] },
    /seq 4 comes after 2/,
  ],
  [
    'the client was told that something is gone which is there',
    { received: log().slice(2), trimmed: 1, missed: [1, 2] },
    /told that 1 to 2 are gone, and 2 was there/,
  ],
  [
    'the client was told that other events are gone than it misses',
    { received: log().slice(2), trimmed: 2, missed: [2, 2] },
    /"missed_from":2,"missed_to":2} is gone, misses what is between 0 and 3/,
  ],
  ['a cancel was answered with another end', { cancels: [[RUN, 'cancelled']] }, /answered with cancelled/],
])('says that %s', (_, broken, problem) => {
  expect(judged(broken)).toMatch(problem);
});

describe('a view', () => {
  const words = (text: string, index = 0, attempt = 1) => ({ run_id: RUN, attempt, path: null, index, text });
  const started = log().slice(0, 3);

  it.each<[string, (view: View) => void, RegExp]>([
    [
      'a gap',
      (view) => view.accept('agent_completed', { ...log()[3], seq: 5, id: `${EPOCH}:5` }),
      /seq 5 comes after 3/,
    ],
    ['a repetition', (view) => view.accept('run_queued', log()[1]), /seq 2 comes after 3/],
    [
      "another user's event",
      (view) =>
        view.accept('run_queued', { ...event(4, 'run_queued', { agent: 'drill', position: 0 }), user_id: 'bob' }),
      /an event of bob/,
    ],
    [
      'another epoch',
      (view) => view.accept('agent_completed', { ...log()[3], epoch: 'ffffffff', id: 'ffffffff:4' }),
      /becomes ffffffff/,
    ],
    [
      'a delta of an attempt that has not begun',
      (view) => view.accept('agent_delta', words('w0', 0, 2)),
      /a delta of attempt 2/,
    ],
    [
      'a delta after the end',
      (view) => {
        view.accept('agent_completed', log()[3]);
        view.accept('agent_delta', words('w0'));
      },
      /after its end/,
    ],
    [
      'an attempt that does not ascend',
      (view) => view.accept('agent_started', { ...log()[2], seq: 4, id: `${EPOCH}:4` }),
      /does not ascend/,
    ],
    [
      'a reset that nobody explains',
      (view) => {
        reset(view, 3);
        view.accept('agent_completed', log()[3]);
      },
      /nobody has told what is gone/,
    ],
    [
      'that the history was truncated without a reset',
      (view) => tellTruncated(view, [1, 3]),
      /is gone without a reset/,
    ],
    ['characters that drill does not write', (view) => view.accept('agent_delta', words('w1 w0')), /went wrong/],
    [
      'what the schema does not know',
      (view) => view.accept('run_queued', event(4, 'run_queued', { agent: 'drill', position: -1 })),
      /against the schema/,
    ],
  ])('notices %s', (_, happen, problem) => {
    const view = viewOf(started);
    expect(witness.problems).toEqual([]);
    happen(view);
    expect(witness.problems.join('\n')).toMatch(problem);
  });

  it('asks for the text where deltas do not connect', () => {
    const missed: string[] = [];
    const view = new View('phone', witness, `${EPOCH}:0`, (run) => missed.push(run));
    for (const one of started) view.accept(one.type, one);
    view.accept('agent_delta', words('w0'));
    view.accept('agent_delta', words(' w2', 5));
    expect(missed).toEqual([RUN]);
  });
});
