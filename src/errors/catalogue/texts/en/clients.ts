import type { UserText } from '../user-text';

/** 1003 and 1004: connecting, asking. */
export const CLIENTS = {
  ORIGIN_NOT_ALLOWED: {
    message: 'This page may not connect',
    user_friendly_message: 'The web page you are on is not allowed to use this service.',
    action_required: 'Open the service at its own address',
  },
  HANDSHAKE_INVALID: {
    message: 'The app could not connect',
    user_friendly_message: 'The app introduced itself in a way that we do not understand.',
    action_required: 'Reload the page or update the app',
  },
  NOT_A_GATEWAY: {
    message: 'You reached the wrong server',
    user_friendly_message: 'This part of our service does not talk to apps. Another one does.',
    action_required: 'Wait a moment; the app tries again',
  },
  PROTOCOL_VERSION_UNSUPPORTED: {
    message: 'The app does not fit this service',
    user_friendly_message: 'The app speaks a version that this service does not know.',
    action_required: 'Reload the page or update the app',
  },
  CURSOR_INVALID: {
    message: 'Your reading position could not be read',
    user_friendly_message: 'The app remembered where you were in a way that we cannot read.',
    action_required: 'Reload the page',
  },
  CONNECTION_LIMIT: {
    message: 'Too many open connections',
    user_friendly_message: 'You have the chat open in as many places as are allowed at a time.',
    action_required: 'Close it in another tab or on another device',
  },
  SERVER_DRAINING: {
    message: 'The service is restarting',
    user_friendly_message: 'This server is about to be replaced by a fresh one. Nothing of yours is lost.',
    action_required: 'Nothing to do; the app connects again by itself',
  },
  SESSION_SETUP_FAILED: {
    message: 'We could not open your chat',
    user_friendly_message: 'Something went wrong on our side while we prepared your chat.',
    action_required: 'Wait a moment; the app will try again',
  },
  HANDSHAKE_TIMEOUT: {
    message: 'Connecting took too long',
    user_friendly_message: 'Your connection could not be prepared in time.',
    action_required: 'Check your network; the app will try again',
  },
  EVENT_UNKNOWN: {
    message: 'The app asked for something unknown',
    user_friendly_message: 'The app asked for something that this service does not offer.',
    action_required: 'Reload the page or update the app',
  },
  PAYLOAD_INVALID: {
    message: 'The app sent something we cannot read',
    user_friendly_message: 'A part of the request is missing or has the wrong form, so nothing was done.',
    action_required: 'Reload the page or update the app, then try again',
  },
  CONTENT_TOO_LARGE: {
    message: 'Your message is too long',
    user_friendly_message: 'Your message is longer than we can take, so it was not sent.',
    action_required: 'Shorten it or send it in parts',
  },
  CONTENT_EMPTY: {
    message: 'Your message is empty',
    user_friendly_message: 'There is no text in your message, so it was not sent.',
    action_required: 'Write something, then send it',
  },
  TEXT_INVALID: {
    message: 'Your message contains broken characters',
    user_friendly_message: 'Some characters in your message are damaged, so it was not sent.',
    action_required: 'Remove unusual characters and send it again',
  },
  PAYLOAD_TOO_DEEP: {
    message: 'The app sent something too complicated',
    user_friendly_message: 'The request is built in more layers than we accept, so nothing was done.',
    action_required: 'Reload the page or update the app',
  },
  PAYLOAD_KEY_FORBIDDEN: {
    message: 'The app sent something unsafe',
    user_friendly_message: 'The request has a part that we never accept, so nothing was done.',
    action_required: 'Reload the page or update the app',
  },
  BINARY_NOT_SUPPORTED: {
    message: 'Files cannot be sent here',
    user_friendly_message: 'The app sent a file or other binary data, which this service does not take.',
    action_required: 'Send it as text',
  },
  PACKET_INVALID: {
    message: 'A message arrived damaged',
    user_friendly_message: 'Something the app sent could not be read at all.',
    action_required: 'Reload the page and try again',
  },
  RATE_LIMITED: {
    message: 'You are sending too fast',
    user_friendly_message: 'More requests came from you than we take in so short a time.',
    action_required: 'Wait a moment, then try again',
  },
  MESSAGE_ID_REUSED: {
    message: 'Two messages carry the same number',
    user_friendly_message: 'The app gave this message the number of an earlier one, so it was not sent.',
    action_required: 'Send the message again; if it stays, reload the page',
  },
  THREAD_NOT_FOUND: {
    message: 'This conversation does not exist',
    user_friendly_message: 'The conversation was deleted, or it is not one of yours.',
    action_required: 'Choose another conversation or begin a new one',
  },
  RUN_NOT_FOUND: {
    message: 'This answer does not exist',
    user_friendly_message: 'The answer you asked about was deleted, or it is not one of yours.',
    action_required: 'Reload the conversation',
  },
  RUN_CONFLICT: {
    message: 'An answer is still being written',
    user_friendly_message: 'This conversation already has an answer on its way, so your message was not sent.',
    action_required: 'Wait for the answer or cancel it, then send again',
  },
  RUN_NOT_RETRYABLE: {
    message: 'This answer cannot be repeated',
    user_friendly_message: 'Only an answer that failed or was cancelled can be asked for again.',
    action_required: 'Send a new message instead',
  },
  INPUT_NOT_FOUND: {
    message: 'This question does not exist',
    user_friendly_message: 'The question you answered does not exist, or is not yours.',
    action_required: 'Reload the conversation',
  },
  INPUT_CLOSED: {
    message: 'This question is closed',
    user_friendly_message: 'The question was answered elsewhere, its time was over, or the answer was cancelled.',
    action_required: 'Look at how the conversation went on',
  },
  INPUT_INVALID: {
    message: 'This is not what was asked for',
    user_friendly_message:
      'Your reply does not have the form that the assistant asked for. The question is still open.',
    action_required: 'Correct your reply and send it again',
  },
  AGENT_UNKNOWN: {
    message: 'This assistant does not exist',
    user_friendly_message: 'The assistant you chose is not offered here.',
    action_required: 'Choose another assistant',
  },
  QUEUED_RUNS_LIMIT: {
    message: 'Too many messages are waiting',
    user_friendly_message: 'As many messages as are allowed wait for an answer in this conversation.',
    action_required: 'Wait for an answer, then send again',
  },
  ACK_TIMEOUT: {
    message: 'We do not know yet whether it worked',
    user_friendly_message: 'Your request took longer than it should. It may still have been done.',
    action_required: 'Try again; nothing is done twice',
  },
  CLIENT_ERROR_EVENT: {
    message: 'The app reported something we cannot read',
    user_friendly_message: 'The app sent us an error in a form that is meant for our answers only.',
    action_required: 'Reload the page or update the app',
  },
  HTTP_NOT_FOUND: {
    message: 'Nothing is here',
    user_friendly_message: 'The address you opened does not exist.',
    action_required: 'Check the address',
  },
  HTTP_REQUEST_INVALID: {
    message: 'The request cannot be processed',
    user_friendly_message: 'The request has a form that we do not understand.',
    action_required: 'Check what you entered and try again',
  },
  SUPPORT_CODE_NOT_FOUND: {
    message: 'We do not know this support code',
    user_friendly_message: 'No record has this support code; it may be mistyped, or too old.',
    action_required: 'Check the code, letter by letter',
  },
} as const satisfies Readonly<Record<string, UserText>>;
