import type { UserText } from '../user-text';

/** Model providers and tools. */
export const PROVIDERS = {
  PROVIDER_CREDENTIALS: {
    message: 'The assistant is not set up correctly',
    user_friendly_message: 'The service that the assistant thinks with does not let us in. That is on our side.',
    action_required: 'Tell support the code below; trying again does not help',
  },
  PROVIDER_QUOTA_EXHAUSTED: {
    message: 'The assistant is out of credit',
    user_friendly_message:
      'The service that the assistant thinks with gives us nothing more for now. That is on our side.',
    action_required: 'Tell support the code below; trying again does not help',
  },
  PROVIDER_RATE_LIMITED: {
    message: 'The assistant is very busy',
    user_friendly_message: 'The service that the assistant thinks with is asked too often right now.',
    action_required: 'Wait a few seconds, then try again',
  },
  PROVIDER_MODEL_UNKNOWN: {
    message: 'The assistant is not set up correctly',
    user_friendly_message: 'The model that the assistant should use does not exist. That is on our side.',
    action_required: 'Tell support the code below; trying again does not help',
  },
  PROVIDER_CONTEXT_TOO_LONG: {
    message: 'This is too much text for the assistant',
    user_friendly_message: 'Your message, with the conversation before it, is longer than the assistant can read.',
    action_required: 'Send a shorter message, or begin a new conversation',
  },
  PROVIDER_CONTENT_FILTERED: {
    message: 'The assistant may not answer this',
    user_friendly_message: 'A safety filter stopped the answer.',
    action_required: 'Ask in other words',
  },
  PROVIDER_TIMEOUT: {
    message: 'The assistant fell silent',
    user_friendly_message: 'The service that the assistant thinks with sent nothing for too long.',
    action_required: 'Try again',
  },
  PROVIDER_RESPONSE_INVALID: {
    message: 'The assistant was not understood',
    user_friendly_message: 'The service that the assistant thinks with answered with something unusable.',
    action_required: 'Try again in a moment',
  },
  PROVIDER_STREAM_BROKEN: {
    message: 'The answer broke off',
    user_friendly_message:
      'The connection to the service that the assistant thinks with was lost in the middle of the answer.',
    action_required: 'Try again',
  },
  PROVIDER_ANSWER_EMPTY: {
    message: 'The assistant had no answer',
    user_friendly_message: 'The service that the assistant thinks with ended without writing anything.',
    action_required: 'Try again, or ask in other words',
  },
  PROVIDER_ANSWER_TRUNCATED: {
    message: 'The answer was cut off',
    user_friendly_message: 'The answer reached its greatest length, so its end is missing.',
    action_required: 'Write "go on" to get the rest',
  },
  MCP_SERVER_UNAVAILABLE: {
    message: 'A tool of the assistant is away',
    user_friendly_message: 'The assistant cannot use one of its tools right now.',
    action_required: 'Try again in a moment',
  },
} as const satisfies Readonly<Record<string, UserText>>;
