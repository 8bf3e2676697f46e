import { CRITICAL_EVENTS, type DurableEvent, type DurableEventDataMap, type DurableEventType } from '@clarion/protocol';
import { drillWords } from '../support/chat-client';
import { Judge, type StoredRun } from './judge';
import type { Message } from './message';
import { View } from './view';
import { Stopwatch, Tally, Witness } from './witness';

const USER = 'alice';
const EPOCH = 'a1b2c3d4';
const TOKENS = 5;
const CONTENT = JSON.stringify({ tokens: TOKENS });
const ids = (last: number) => `01a1ffaf-8aab-72a4-bd41-0000000000${String(last).padStart(2, '0')}`;
const [MESSAGE, THREAD, RUN] = [ids(1), ids(2), ids(3)];

let witness: Witness;

beforeEach(() => {
  witness = new Witness(USER, new Stopwatch(), new Tally());
});

function event<T extends DurableEventType>(
  seq: number,
  type: T,
  data: DurableEventDataMap[T],
  more: Partial<DurableEvent> = {},
): DurableEvent {
  const place = { id: `${EPOCH}:${seq}`, epoch: EPOCH, seq, timestamp: '2026-11-21T17:30:00.000Z', user_id: USER };
  const run = {
    thread_id: THREAD,
    run_id: RUN,
    attempt: null,
    path: null,
    critical: CRITICAL_EVENTS.has(type),
    recovered: false,
  };
  return { type, ...place, ...run, data, ...more } as DurableEvent;
}

/** A message and its run, from its acceptance to its end. */
function log(): DurableEvent[] {
  const created = { message_id: MESSAGE, role: 'user' as const, content: CONTENT, client_message_id: 'm1' };
  const completed = { message_id: ids(4), content: drillWords(TOKENS), usage: null, duration_ms: 5 };
  return [
    event(1, 'message_created', created),
    event(2, 'run_queued', { agent: 'drill', position: 0 }),
    event(3, 'agent_started', { agent: 'drill', max_attempts: 3 }, { attempt: 1 }),
    event(4, 'agent_completed', completed, { attempt: 1 }),
  ];
}

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
}

function viewOf(received: readonly DurableEvent[]): View {
  const view = new View('phone', witness, `${EPOCH}:0`, () => undefined);
  for (const one of received) view.accept(one.type, one);
  return view;
}

function judged({
  events = log(),
  received = events,
  messages = [sent()],
  stored = [STORED],
  cancels = [],
}: Case): string {
  const view = viewOf(received);
  const user = { witness, messages, devices: [{ view, views: [view] }], cancels: new Map(cancels) };
  new Judge(user, { log: events, stored }).judge();
  return witness.problems.join('\n');
}

it('finds nothing where everything is as it was told', () => {
  expect(judged({})).toBe('');
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
