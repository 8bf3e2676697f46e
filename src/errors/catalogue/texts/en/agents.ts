import type { UserText } from '../user-text';

/** 1006 and 1008: agents, and the providers that they ask. */
export const AGENTS = {
  PROVIDER_CIRCUIT_OPEN: {
    message: 'The assistant is having trouble',
    user_friendly_message: 'The service that writes the answers has failed several times, so we give it a short rest.',
    action_required: 'Wait a moment, then ask for the answer again',
  },
} as const satisfies Readonly<Record<string, UserText>>;
