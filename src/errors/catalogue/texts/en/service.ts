import type { UserText } from '../user-text';

/** 1005 to 1011: what fails on our side. */
export const SERVICE = {
  DATABASE_UNAVAILABLE: {
    message: 'We could not save your message',
    user_friendly_message: 'Our storage cannot be reached right now. What was confirmed to you before is safe.',
    action_required: 'Wait a moment; we will try again for you',
  },
  DATABASE_TIMEOUT: {
    message: 'Saving takes too long',
    user_friendly_message: 'Our storage is slow right now, and we do not know yet whether this was saved.',
    action_required: 'Wait a moment and try again; nothing is done twice',
  },
  DATABASE_CONSTRAINT: {
    message: 'We could not save this',
    user_friendly_message: 'What was to be saved contradicts what is saved already. This is a mistake on our side.',
    action_required: 'Tell support the code below',
  },
  DATABASE_CAPACITY: {
    message: 'We are very busy',
    user_friendly_message: 'Our storage is at its limit right now, so this was not saved.',
    action_required: 'Wait a moment; we will try again for you',
  },
  DATABASE_DISK_FULL: {
    message: 'We could not save your message',
    user_friendly_message:
      'Our storage has no room left, so this was not saved. What was confirmed to you before is safe.',
    action_required: 'Try again in a few minutes',
  },
  DATABASE_CONFLICT: {
    message: 'Two things happened at once',
    user_friendly_message: 'Something else changed the same data at the same moment, so this was not saved.',
    action_required: 'Try again',
  },
  DATABASE_SCHEMA_OUTDATED: {
    message: 'The service is being updated',
    user_friendly_message: 'Our storage and our software do not match at the moment.',
    action_required: 'Try again in a few minutes',
  },
  DATABASE_QUERY_FAILED: {
    message: 'We could not save or load this',
    user_friendly_message: 'Our storage refused a request of ours. This is a mistake on our side.',
    action_required: 'Tell support the code below',
  },
  DATABASE_READ_ONLY: {
    message: 'Nothing can be saved right now',
    user_friendly_message: 'Our storage is in a state in which it can be read but not changed.',
    action_required: 'Wait a moment; we will try again for you',
  },
  DATABASE_NOT_DURABLE: {
    message: 'Nothing can be saved right now',
    user_friendly_message: 'Our storage is set up so that it could forget what it confirmed, so we do not use it.',
    action_required: 'Try again later; the operator has to change a setting',
  },
  DATABASE_CREDENTIALS: {
    message: 'We cannot reach our storage',
    user_friendly_message: 'Our own access to the storage was refused. Nothing of yours is lost.',
    action_required: 'Try again in a few minutes',
  },
  EMBEDDED_POSTGRES_FAILED: {
    message: 'Our storage is not running',
    user_friendly_message: 'The built-in storage stopped or did not start. We are starting it again.',
    action_required: 'Wait a moment; we will try again for you',
  },
  CONFIGURATION_INVALID: {
    message: 'The service is not set up correctly',
    user_friendly_message: 'A setting of the service is wrong, so it cannot start.',
    action_required: 'Tell whoever runs this service',
  },
  DATA_DIR_IN_USE: {
    message: 'The service runs already',
    user_friendly_message: 'The service was started twice on the same data.',
    action_required: 'Use the one that is running already',
  },
  DATA_DIR_UNUSABLE: {
    message: 'The service cannot keep its data',
    user_friendly_message: 'The folder for the data of the service cannot be used.',
    action_required: 'Tell whoever runs this service',
  },
  EMBEDDED_POSTGRES_MISSING: {
    message: 'A part of the service is not installed',
    user_friendly_message: 'The built-in storage is not available on this computer.',
    action_required: 'Tell whoever runs this service',
  },
  PORT_IN_USE: {
    message: 'The service could not open its door',
    user_friendly_message: 'Another program uses the network port of the service.',
    action_required: 'Tell whoever runs this service',
  },
  ANOTHER_PROCESS_RUNNING: {
    message: 'The service runs already',
    user_friendly_message: 'Another process of the service already works on this data, and as set up only one may.',
    action_required: 'Use the one that is running already',
  },
  PROVIDER_UNAVAILABLE: {
    message: 'A service we rely on does not answer',
    user_friendly_message: 'An outside service that is needed for this is not reachable right now.',
    action_required: 'Try again in a few moments',
  },
  PROVIDER_REJECTED: {
    message: 'A service we rely on refused',
    user_friendly_message: 'An outside service that is needed for this did not accept our request.',
    action_required: 'Tell support the code below',
  },
  QUEUE_UNAVAILABLE: {
    message: 'Work cannot be handed out right now',
    user_friendly_message: 'We cannot pass work on at the moment. What we accepted from you is kept and done later.',
    action_required: 'Wait a moment; nothing is lost',
  },
  RUN_STALLED: {
    message: 'Your answer is interrupted',
    user_friendly_message:
      'We cannot save anything at the moment, so that your answer does not go on. What was written is kept.',
    action_required: 'Nothing to do; your answer goes on by itself',
  },
  RUN_DELAYED: {
    message: 'Your answer is delayed',
    user_friendly_message: 'Your message is saved. The answer begins later than usual.',
    action_required: 'Nothing to do; we begin as soon as we can',
  },
  QUEUE_JOB_FAILED: {
    message: 'A piece of work failed',
    user_friendly_message: 'Something we did in the background for you did not succeed.',
    action_required: 'Wait a moment; if nothing happens, tell support the code below',
  },
  EVENT_DELIVERY_FAILED: {
    message: 'Updates did not reach you',
    user_friendly_message:
      'Something went wrong on the way to you. Nothing is lost; it is delivered when you reconnect.',
    action_required: 'Nothing to do; the app connects again by itself',
  },
  HISTORY_TRUNCATED: {
    message: 'Some older updates are gone',
    user_friendly_message:
      'You were away for longer than we keep every single update. Your conversations are still there.',
    action_required: 'Reload the conversation to see all of it',
  },
  MAILBOX_UNAVAILABLE: {
    message: 'Your updates cannot be loaded right now',
    user_friendly_message: 'We cannot read what happened while you were away. Nothing is lost.',
    action_required: 'Wait a moment; the app will try again',
  },
  BACKPRESSURE: {
    message: 'Your connection is too slow',
    user_friendly_message: 'Updates come faster than your connection takes them, so we paused it. Nothing is lost.',
    action_required: 'Nothing to do; the app connects again by itself',
  },
  DELIVERY_UNCONFIRMED: {
    message: 'The app did not confirm an update',
    user_friendly_message: 'The app did not tell us that an important update arrived, so we send it again.',
    action_required: 'Nothing to do; the app connects again by itself',
  },
  BACKGROUND_TASK_FAILED: {
    message: 'A task in the background failed',
    user_friendly_message: 'Something we do in the background did not succeed. We try it again.',
    action_required: 'Nothing to do',
  },
  SPOOL_WRITE_FAILED: {
    message: 'A problem could not be recorded',
    user_friendly_message: 'We could not write down the details of a problem, so support may not find it.',
    action_required: 'Note the time and tell support',
  },
  SPOOL_OVERFLOW: {
    message: 'Too many problems to record',
    user_friendly_message: 'So many problems came at once that not all of them could be written down.',
    action_required: 'Note the time and tell support',
  },
  HEALTH_CHECK_FAILED: {
    message: 'A part of the service is not well',
    user_friendly_message: 'A part of the service is not as it should be. What you do is not affected yet.',
    action_required: 'Nothing to do',
  },
  DIGEST_NOT_FOUND: {
    message: 'There is no such digest',
    user_friendly_message: 'No digest that could not be sent has this id.',
    action_required: 'Take the id from the statistics of the user',
  },
  FALLBACK_DELIVERY_FAILED: {
    message: 'We could not tell you what is waiting',
    user_friendly_message: 'You were away, and our message about what is waiting for you did not get through.',
    action_required: 'Open the chat; everything is there',
  },
  INTERNAL_ERROR: {
    message: 'Something went wrong',
    user_friendly_message: 'An unexpected error happened on our side. It has been recorded.',
    action_required: 'Try again; if it stays, tell support the code below',
  },
} as const satisfies Readonly<Record<string, UserText>>;
