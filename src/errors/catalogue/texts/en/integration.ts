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
} as const satisfies Readonly<Record<string, UserText>>;
