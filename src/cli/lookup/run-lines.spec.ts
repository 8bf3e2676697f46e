import type { RunRecord } from '../../admin';
import { runLines } from './run-lines';

const AT = (second: number) => `2026-11-21T17:30:${String(second).padStart(2, '0')}.000Z`;
const RUN = '0198c0de-0000-7000-8000-000000000001';
const TOOL = { attempt: 1, started_at: AT(3), summary: null, support_code: null };

const lease = (worker: string, second: number, end: Partial<RunRecord['attempts'][number]['leases'][number]>) => ({
  worker_id: worker,
  host: 'host',
  pid: 7,
  fence: 1,
  leased_at: AT(second),
  left_at: null,
  left_by: null,
  first_output_ms: null,
  ...end,
});

/** A run whose first attempt lost its worker, whose second failed, and whose third is under way. */
const record: RunRecord = {
  run_id: RUN,
  user_id: 'ann',
  thread_id: 'thread',
  message_id: 'message',
  agent: 'drill',
  status: 'running',
  attempt: 3,
  max_attempts: 4,
  job_id: `${RUN}-3`,
  retry_of: null,
  retried_by: null,
  phases: {
    created_at: AT(0),
    dispatched_at: AT(1),
    leased_at: AT(2),
    first_output_at: AT(3),
    finished_at: null,
    queued_ms: 2_000,
    first_output_ms: 999,
    total_ms: null,
  },
  attempts: [
    {
      attempt: 1,
      begun_by: 'agent_started',
      begun_at: AT(2),
      delay_ms: null,
      leases: [lease('one', 2, { first_output_ms: 999 })],
      failure: { reason: 'WORKER_LOST', support_code: 'WORKER_LOST_7K3F9QXM' },
    },
    {
      attempt: 2,
      begun_by: 'agent_recovering',
      begun_at: AT(8),
      delay_ms: null,
      leases: [
        lease('two', 8, { left_at: AT(9), left_by: 'hand_over' }),
        lease('three', 10, { left_at: AT(11), left_by: 'retry' }),
      ],
      failure: { reason: 'AGENT_STALLED', support_code: 'AGENT_STALLED_7K3F9QXM' },
    },
    { attempt: 3, begun_by: 'agent_retrying', begun_at: AT(11), delay_ms: 1_500, leases: [], failure: null },
  ],
  steps: [
    { key: 'model-1', attempt: 1, state: 'completed', started_at: AT(2), finished_at: AT(5), duration_ms: 3_210 },
    { key: 'model-2', attempt: 3, state: 'started', started_at: AT(12), finished_at: null, duration_ms: null },
  ],
  tools: [
    { ...TOOL, tool_call_id: 'a', tool: 'search', ok: true, duration_ms: 12, summary: '3 pages' },
    { ...TOOL, tool_call_id: 'b', tool: 'buy', ok: false, duration_ms: 125_000, support_code: 'TOOL_TIMEOUT_7K3F9QXM' },
    { ...TOOL, tool_call_id: 'c', tool: 'wait', attempt: null, ok: null, duration_ms: null },
  ],
  usage: { input_tokens: 12, output_tokens: 7, cost: 0.5 },
  error: null,
  errors: [
    {
      support_code: 'WORKER_LOST_7K3F9QXM',
      reason: 'WORKER_LOST',
      severity: 'warning',
      operation: 'run.takeover',
      occurred_at: AT(8),
    },
  ],
  events: [
    { seq: 41, type: 'agent_started', attempt: 1, path: null, at: AT(2) },
    { seq: 42, type: 'tool_executing', attempt: 1, path: 'researcher', at: AT(3) },
  ],
  missing: ['events: the first ones have left the mailbox'],
};

/** The lines of each section, by its heading; those before the first are the run's own. */
function sections(run: RunRecord): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let under = 'Run';
  for (const text of runLines(run)) {
    if (text === '') under = '';
    else if (under === '') found[(under = text)] = [];
    else (found[under] ??= []).push(text);
  }
  return found;
}

describe('the life of a run, for a terminal', () => {
  it('says what it is, how many of its attempts are used, and what it cost', () => {
    const { Run } = sections(record);
    expect(Run![0]).toBe(`Run ${RUN}: running`);
    const fields = Run!.slice(1).map((text) => text.split(/: +/));
    expect(fields).toEqual([
      ['User', 'ann'],
      ['Thread', 'thread'],
      ['Agent', 'drill'],
      ['Attempts', '3 of at most 4'],
      ['Job', `${RUN}-3`],
      ['Usage', '12 tokens in, 7 out, cost 0.5'],
    ]);
  });

  it('tells every phase with how long it took, and which has not come yet', () => {
    expect(sections(record)['Phases']).toEqual([
      `  created       ${AT(0)}`,
      `  dispatched    ${AT(1)}`,
      `  leased        ${AT(2)}  after 2 s`,
      `  first output  ${AT(3)}  999 ms after the lease`,
      '  ended         not known or not yet',
    ]);
  });

  it('tells of every attempt who ran it, how it began and why it ended', () => {
    expect(sections(record)['Attempts']).toEqual([
      `  1  agent_started ${AT(2)}`,
      `     worker one (host, pid 7) from ${AT(2)}, first output after 999 ms; not given back`,
      '     failed: WORKER_LOST, support code WORKER_LOST_7K3F9QXM',
      `  2  agent_recovering ${AT(8)}`,
      `     worker two (host, pid 7) from ${AT(8)}; left ${AT(9)} by hand_over`,
      `     worker three (host, pid 7) from ${AT(10)}; left ${AT(11)} by retry`,
      '     failed: AGENT_STALLED, support code AGENT_STALLED_7K3F9QXM',
      `  3  agent_retrying ${AT(11)}, due after 1.5 s`,
    ]);
  });

  it('tells steps and tools with their attempts and times, those that did not come back as well', () => {
    const { Steps, Tools } = sections(record);
    expect(Steps).toEqual([
      `  ${AT(2)}  model-1  attempt 1  completed in 3.2 s`,
      `  ${AT(12)}  model-2  attempt 3  started`,
    ]);
    expect(Tools).toEqual([
      `  ${AT(3)}  search  attempt 1  ok in 12 ms: 3 pages`,
      `  ${AT(3)}  buy  attempt 1  failed in 2 min 5 s, support code TOOL_TIMEOUT_7K3F9QXM`,
      `  ${AT(3)}  wait  attempt -  has not come back`,
    ]);
  });

  it('tells errors, events with their path, and what is missing', () => {
    const { Errors, Events, Missing } = sections(record);
    expect(Errors).toEqual([`  ${AT(8)}  warning  WORKER_LOST_7K3F9QXM  run.takeover`]);
    expect(Events).toEqual([
      `      41  ${AT(2)}  agent_started  attempt 1`,
      `      42  ${AT(3)}  tool_executing  attempt 1  researcher`,
    ]);
    expect(Missing).toEqual(['  events: the first ones have left the mailbox']);
  });

  it('leaves out what there is nothing of', () => {
    const bare = { ...record, attempts: [], steps: [], tools: [], errors: [], events: [], missing: [], usage: null };
    expect(Object.keys(sections(bare))).toEqual(['Run', 'Phases']);
    expect(runLines(bare).join('\n')).not.toContain('Usage');
  });
});
