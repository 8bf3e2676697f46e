import { setTimeout as delay } from 'node:timers/promises';
import type { DurableEvent } from '@clarion/protocol';
import { TERMINAL_EVENTS } from '@clarion/protocol';
import type { ChatClient } from '../support/chat-client';
import { ClarionProcess } from '../support/clarion-process';
import { ANSWER, disconnected, expectGapless, Sender } from './load';

jest.setTimeout(60_000);

const KILLS = 5;
const SENDERS = 4;

/** A sender over several lives of the server: what it was promised, and every event that it has seen. */
interface Survivor {
  sender: Sender;
  readonly events: DurableEvent[];
  /** The run that each message was answered with. */
  readonly runs: Map<string, string>;
}

it('killed at random moments under load: nothing acknowledged is lost, and a message sent again runs once', async () => {
  let clarion = await ClarionProcess.start({ env: { MESSAGES_PER_MINUTE: '100000', LOG_LEVEL: 'warn' } });
  const names = Array.from({ length: SENDERS }, (_, index) => `user-${index}`);
  const survivors = await Promise.all(
    names.map(async (name): Promise<Survivor> => ({
      sender: await Sender.connect(clarion, name),
      events: [],
      runs: new Map(),
    })),
  );
  const outcomes: Outcomes = { accepted: 0, unanswered: 0, were_accepted: 0 };
  for (let kill = 0; kill < KILLS; kill++) {
    for (const { sender } of survivors) sender.begin();
    await delay(300 + Math.random() * 700);
    await Promise.all([clarion.crash(kill % 2 === 0), ...survivors.map(({ sender }) => disconnected(sender.client))]);
    clarion = await ClarionProcess.start({ ...clarion.options, dataDir: clarion.dataDir });
    await Promise.all(survivors.map((survivor) => comeBack(survivor, clarion, outcomes)));
  }
  console.log(`${KILLS} kills: ${JSON.stringify(outcomes)}`);
  for (const survivor of survivors) await expectAllRanOnce(survivor);
  expect(outcomes.accepted).toBeGreaterThan(0);
  for (const { sender } of survivors) sender.close();
  await clarion.dispose();
});

interface Outcomes {
  accepted: number;
  unanswered: number;
  /** Of those unanswered: committed all the same. */
  were_accepted: number;
}

async function comeBack(survivor: Survivor, clarion: ClarionProcess, outcomes: Outcomes): Promise<void> {
  const { sender, events, runs } = survivor;
  await sender.stop();
  events.push(...sender.client.events);
  for (const { client_message_id, runId } of sender.accepted) runs.set(client_message_id, runId ?? '');
  const { unanswered } = sender;
  outcomes.unanswered += unanswered.length;
  outcomes.accepted += sender.accepted.length;
  survivor.sender = await Sender.connect(clarion, sender.user, events.at(-1)?.id);
  for (const id of unanswered) {
    const again = await survivor.sender.send(id);
    if (again.duplicate) outcomes.were_accepted += 1;
  }
  for (const [id, runId] of [...runs].slice(-3))
    expect(await survivor.sender.send(id)).toMatchObject({ runId, duplicate: true });
}

async function expectAllRanOnce({ sender, events, runs }: Survivor): Promise<void> {
  for (const { client_message_id, runId } of sender.accepted) runs.set(client_message_id, runId ?? '');
  await Promise.all([...runs.values()].map((runId) => endOf(sender.client, events, runId)));
  const seen = [...events, ...sender.client.events];
  expectGapless(seen);
  const created = seen.filter((event): event is DurableEvent<'message_created'> => event.type === 'message_created');
  expect(created.map(({ data }) => data.client_message_id).sort()).toEqual([...runs.keys()].sort());
  expect(created.map(({ run_id }) => run_id).sort()).toEqual([...runs.values()].sort());
  const ends = seen.filter(({ type }) => TERMINAL_EVENTS.has(type));
  expect(ends.map(({ run_id }) => run_id).sort()).toEqual([...runs.values()].sort());
  expect(
    ends.filter(({ type, data }) => type !== 'agent_completed' || !('content' in data) || data.content !== ANSWER),
  ).toEqual([]);
}

async function endOf(client: ChatClient, before: readonly DurableEvent[], runId: string): Promise<void> {
  const ended = before.some((event) => event.run_id === runId && TERMINAL_EVENTS.has(event.type));
  if (!ended) await client.ended(runId);
}
