import type { UserText } from '../user-text';

/** 1002: signing in. */
export const AUTHENTICATION = {
  AUTH_TOKEN_MISSING: {
    message: 'You are not signed in',
    user_friendly_message: 'The app did not tell us who you are, so we could not let you in.',
    action_required: 'Sign in and try again',
  },
  AUTH_TOKEN_MALFORMED: {
    message: 'Your sign-in could not be read',
    user_friendly_message: 'The app sent a sign-in that we cannot read.',
    action_required: 'Sign in again',
  },
  AUTH_TOKEN_SIGNATURE: {
    message: 'Your sign-in could not be verified',
    user_friendly_message: 'We could not confirm that your sign-in is genuine.',
    action_required: 'Sign in again',
  },
  AUTH_TOKEN_EXPIRED: {
    message: 'Your sign-in has expired',
    user_friendly_message: 'You have been signed in for as long as one sign-in lasts.',
    action_required: 'Sign in again to continue',
  },
  AUTH_TOKEN_NOT_YET_VALID: {
    message: 'Your sign-in is not valid yet',
    user_friendly_message: 'Your sign-in begins at a later time; a clock may be wrong.',
    action_required: 'Check the clock of your device, then sign in again',
  },
  AUTH_TOKEN_AUDIENCE: {
    message: 'Your sign-in is for another service',
    user_friendly_message: 'You are signed in to a different service than this one.',
    action_required: 'Sign in to this service',
  },
  AUTH_TOKEN_ISSUER: {
    message: 'Your sign-in comes from elsewhere',
    user_friendly_message: 'Your sign-in was issued by somebody this service does not trust.',
    action_required: 'Sign in through this service',
  },
  AUTH_TOKEN_SUBJECT: {
    message: 'Your sign-in names nobody',
    user_friendly_message: 'Your sign-in does not say clearly who you are.',
    action_required: 'Sign in again; if it stays, tell support',
  },
  AUTH_TOKEN_IN_URL: {
    message: 'The app signs in unsafely',
    user_friendly_message: 'The app put your sign-in into a web address, where others could see it, so we refused it.',
    action_required: 'Update the app, and sign in again so that the old sign-in ends',
  },
  AUTH_ALGORITHM_NOT_ALLOWED: {
    message: 'Your sign-in is not secured as it should be',
    user_friendly_message: 'Your sign-in is protected in a way that this service does not accept.',
    action_required: 'Sign in again; if it stays, tell support',
  },
  AUTH_SCOPE_MISSING: {
    message: 'You are not allowed to do this',
    user_friendly_message: 'Your account lacks the permission that this needs.',
    action_required: 'Ask an administrator for access',
  },
  AUTH_TOKEN_REVOKED: {
    message: 'Your sign-in was ended',
    user_friendly_message: 'Your sign-in was taken back before its time, by you or by an administrator.',
    action_required: 'Sign in again',
  },
  AUTH_TOKEN_INACTIVE: {
    message: 'Your sign-in is not valid any more',
    user_friendly_message: 'The service that confirms who you are does not accept your sign-in; it may have ended.',
    action_required: 'Sign in again',
  },
  AUTH_USER_MISMATCH: {
    message: 'You are signed in as somebody else',
    user_friendly_message: 'The app tried to go on in this chat with the sign-in of another person.',
    action_required: 'Reload the page',
  },
  AUTH_WEBHOOK_SIGNATURE: {
    message: 'The notice could not be verified',
    user_friendly_message: 'A notice about sign-ins did not carry the signature that we agreed on.',
    action_required: 'Compare the secret on both sides',
  },
  USER_ERASED: {
    message: 'Your data was erased',
    user_friendly_message: 'An administrator has erased all your conversations here.',
    action_required: 'Sign in again if you want to begin anew',
  },
  AUTH_SERVICE_UNAVAILABLE: {
    message: 'We cannot check sign-ins right now',
    user_friendly_message: 'The service that confirms who you are does not work. Your sign-in itself may be fine.',
    action_required: 'Wait a moment; the app will try again',
  },
  AUTH_SERVICE_TIMEOUT: {
    message: 'Checking your sign-in takes too long',
    user_friendly_message: 'The service that confirms who you are is too slow right now.',
    action_required: 'Wait a moment; the app will try again',
  },
  AUTH_SERVICE_INVALID_ANSWER: {
    message: 'We cannot check sign-ins right now',
    user_friendly_message: 'The service that confirms who you are answered in a way that we cannot understand.',
    action_required: 'Wait a moment; the app will try again. If it stays, tell support',
  },
  AUTH_CIRCUIT_OPEN: {
    message: 'We cannot check sign-ins right now',
    user_friendly_message:
      'The service that confirms who you are has failed several times, so we give it a short rest.',
    action_required: 'Wait a moment; the app will try again',
  },
  AUTH_CREDENTIALS_REFUSED: {
    message: 'We cannot check sign-ins right now',
    user_friendly_message:
      'Our own access to the service that confirms who you are was refused. This is not your fault.',
    action_required: 'Nothing you can do; our administrators have been told',
  },
  AUTH_SERVICE_DISABLED: {
    message: 'Nobody can sign in right now',
    user_friendly_message: 'Signing in has been switched off for the time being.',
    action_required: 'Try again later',
  },
  DEV_TOKEN_REFUSED: {
    message: 'No test sign-in for this request',
    user_friendly_message: 'Test sign-ins are given only on the computer on which the service runs.',
    action_required: 'Ask for the sign-in on that computer itself',
  },
} as const satisfies Readonly<Record<string, UserText>>;
