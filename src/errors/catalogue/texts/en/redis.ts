import type { UserText } from '../user-text';

/** 1007: Redis. */
export const REDIS = {
  REDIS_UNAVAILABLE: {
    message: 'Some things take longer right now',
    user_friendly_message: 'A part of our service that makes things fast cannot be reached. Nothing of yours is lost.',
    action_required: 'Wait a moment; it goes on by itself',
  },
  REDIS_TIMEOUT: {
    message: 'Some things take longer right now',
    user_friendly_message: 'A part of our service that makes things fast is slow itself. Nothing of yours is lost.',
    action_required: 'Wait a moment; it goes on by itself',
  },
  REDIS_CREDENTIALS: {
    message: 'Some things take longer right now',
    user_friendly_message: 'Our own access to a part of our service was refused. Nothing of yours is lost.',
    action_required: 'Try again in a few minutes',
  },
  REDIS_READ_ONLY: {
    message: 'Some things take longer right now',
    user_friendly_message: 'A part of our service takes nothing new at the moment. Nothing of yours is lost.',
    action_required: 'Wait a moment; it goes on by itself',
  },
  REDIS_CAPACITY: {
    message: 'We are very busy',
    user_friendly_message: 'A part of our service is at its limit right now. Nothing of yours is lost.',
    action_required: 'Wait a moment; it goes on by itself',
  },
  REDIS_IS_CLUSTER: {
    message: 'Some things take longer right now',
    user_friendly_message: 'A part of our service is set up wrongly. Nothing of yours is lost.',
    action_required: 'Try again in a few minutes',
  },
  REDIS_COMMAND_FAILED: {
    message: 'Something went wrong on our side',
    user_friendly_message: 'A part of our service refused a request of ours. This is a mistake on our side.',
    action_required: 'Tell support the code below',
  },
} as const satisfies Readonly<Record<string, UserText>>;
