import { lasting } from '../lasting';
import type { UserTextSource } from '../user-text';

/** 1006 and 1008: agents, and the providers that they ask. */
export const AGENTS = {
  AGENT_FAILED: {
    message: 'The assistant ran into a problem',
    user_friendly_message: 'Something went wrong while your answer was being written.',
    action_required: 'Ask for the answer again',
  },
  AGENT_TIMEOUT: {
    message: 'The assistant took too long',
    user_friendly_message: ({ timeout_ms }) =>
      `Your answer was not finished within ${lasting(timeout_ms) ?? 'the time that is allowed'}, so it was stopped.`,
    action_required: 'Ask again, or ask for something smaller',
  },
  AGENT_FIRST_OUTPUT_TIMEOUT: {
    message: 'The assistant does not begin',
    user_friendly_message: ({ timeout_ms }) =>
      `We waited ${lasting(timeout_ms) ?? 'for some time'}, and your answer did not begin.`,
    action_required: 'Ask for the answer again',
  },
  AGENT_STALLED: {
    message: 'The assistant fell silent',
    user_friendly_message: ({ timeout_ms }) =>
      `Your answer stopped in the middle. We waited ${lasting(timeout_ms) ?? 'for some time'} for it to go on.`,
    action_required: 'Ask for the answer again',
  },
  TOOL_TIMEOUT: {
    message: 'A tool of the assistant took too long',
    user_friendly_message: ({ timeout_ms }) =>
      `The assistant waited ${lasting(timeout_ms) ?? 'for some time'} for a tool that did not answer.`,
    action_required: 'Ask for the answer again',
  },
  INPUT_EXPIRED: {
    message: 'A question was not answered in time',
    user_friendly_message: ({ timeout_ms }) =>
      `The assistant needed your reply to go on. It waited ${lasting(timeout_ms) ?? 'for some time'} for it.`,
    action_required: 'Ask again when you can reply',
  },
  AGENT_TOOL_FAILED: {
    message: 'A tool of the assistant failed',
    user_friendly_message: 'The assistant needed a tool for your answer, and the tool did not work.',
    action_required: 'Ask for the answer again',
  },
  AGENT_PROVIDER_FAILED: {
    message: 'The assistant is not reachable',
    user_friendly_message: 'The service that writes the answers gave an error.',
    action_required: 'Wait a moment, then ask for the answer again',
  },
  WORKER_LOST: {
    message: 'Your answer begins again',
    user_friendly_message: 'The process that wrote your answer stopped; another one has taken over.',
    action_required: 'Nothing to do; the answer continues',
  },
  RUN_ATTEMPTS_EXHAUSTED: {
    message: 'Your answer could not be finished',
    user_friendly_message: 'We tried several times to write your answer, and each time it broke off.',
    action_required: 'Ask in other words; if it stays, tell support the code below',
  },
  NO_WORKER_AVAILABLE: {
    message: 'Your answer has not begun yet',
    user_friendly_message: ({ waited_ms, position }) =>
      `Your message is saved and waits for its turn${placeOf(position)}. Nobody was free for ${lasting(waited_ms) ?? 'a while'}.`,
    action_required: 'Nothing to do; the answer begins by itself',
  },
  RUN_QUEUE_TIMEOUT: {
    message: 'Your turn did not come',
    user_friendly_message: ({ timeout_ms }) =>
      `Your message waited ${lasting(timeout_ms) ?? 'for too long'} and was given up. It is kept, but it was not answered.`,
    action_required: 'Try again in a few minutes',
  },
  STEP_OUTCOME_UNKNOWN: {
    message: 'Your answer stopped at a step that must not be done twice',
    user_friendly_message:
      'A step of your answer was interrupted, and we cannot tell whether it was done. So that it does not happen twice, we stopped.',
    action_required: 'Check whether it was done, then ask again if it was not',
  },
  AGENT_REPLAY_DIVERGED: {
    message: 'Your answer could not be continued',
    user_friendly_message: 'Your answer was interrupted, and the assistant did not find back to where it was.',
    action_required: 'Ask for the answer again',
  },
  SUB_AGENT_UNKNOWN: {
    message: 'The assistant is not set up correctly',
    user_friendly_message: 'The assistant wanted to ask another assistant that does not exist.',
    action_required: 'Choose another assistant, and tell support the code below',
  },
  SUB_AGENTS_TOO_DEEP: {
    message: 'The assistant lost itself in its task',
    user_friendly_message: 'Assistants passed your question on to each other too many times, so we stopped.',
    action_required: 'Ask for something smaller, or in other words',
  },
  SUB_AGENTS_TOO_MANY: {
    message: 'The task was divided into too many parts',
    user_friendly_message: 'The assistant divided your task into more parts than one answer may have.',
    action_required: 'Ask for something smaller',
  },
  SUB_AGENT_FAILED: {
    message: 'A part of your answer failed',
    user_friendly_message: 'One of the assistants that work on your answer failed. The answer goes on without it.',
    action_required: 'Nothing to do; if something is missing in the answer, ask for it again',
  },
  NO_WORKERS: {
    message: 'Answers are delayed',
    user_friendly_message: 'Your messages are kept, but nobody is there to answer them right now.',
    action_required: 'Nothing to do; we begin as soon as we can',
  },
  AGENT_OUTPUT_INVALID: {
    message: 'The assistant gave an unusable answer',
    user_friendly_message: 'What the assistant produced cannot be shown.',
    action_required: 'Ask in other words',
  },
  DRILL_REQUEST_INVALID: {
    message: 'The drill assistant does not understand this',
    user_friendly_message: 'The drill assistant is for tests and understands only its own commands.',
    action_required: 'Choose another assistant, or see its documentation',
  },
  PROVIDER_CIRCUIT_OPEN: {
    message: 'The assistant is having trouble',
    user_friendly_message: 'The service that writes the answers has failed several times, so we give it a short rest.',
    action_required: 'Wait a moment, then ask for the answer again',
  },
} as const satisfies Readonly<Record<string, UserTextSource>>;

function placeOf(position: unknown): string {
  if (typeof position !== 'number') return '';
  return position === 0 ? ', as the next one' : `, with ${position} before it`;
}
