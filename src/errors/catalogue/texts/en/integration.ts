import type { UserText } from '../user-text';

/** 1010: what goes on in the background. Users meet it rarely, and can do nothing about it. */
export const INTEGRATION = {
  BACKGROUND_TASK_RETRYING: {
    message: 'Something in the background is late',
    user_friendly_message: 'Work of ours in the background did not succeed at once. It is being tried again.',
    action_required: 'Nothing; we will try again for you',
  },
  BACKGROUND_TASK_OVERDUE: {
    message: 'Something in the background is late',
    user_friendly_message: 'Work of ours in the background has not begun in time. It is being started again.',
    action_required: 'Nothing; the operator has been told',
  },
  BACKGROUND_TASK_UNKNOWN: {
    message: 'There is no such task',
    user_friendly_message: 'No work in the background has the name that was asked for.',
    action_required: 'Check the name, and try again',
  },
  ALERT_DELIVERY_RETRYING: {
    message: 'The operator is being told',
    user_friendly_message: 'A message to those who run this service did not arrive at once. It is being sent again.',
    action_required: 'Nothing; we will try again for you',
  },
  ALERT_CHANNEL_FAILED: {
    message: 'The operator is being told another way',
    user_friendly_message: 'A message to those who run this service did not arrive. It is being sent another way.',
    action_required: 'Nothing; we will try again for you',
  },
  ALERT_UNDELIVERED: {
    message: 'The operator could not be told',
    user_friendly_message: 'A message to those who run this service did not arrive on any way.',
    action_required: 'If something does not work for you, tell support yourself',
  },
  ALERT_NOT_FOUND: {
    message: 'There is no such alert',
    user_friendly_message: 'The alert or silence that was asked for does not exist, or has ended.',
    action_required: 'Reload the list, and choose again',
  },
  TRACES_NOT_ARRIVING: {
    message: 'A measurement of ours is missing',
    user_friendly_message: 'Measurements of how our service works do not arrive. Nothing of yours depends on them.',
    action_required: 'Nothing; it does not concern your chats',
  },
} as const satisfies Readonly<Record<string, UserText>>;
