import type { DigestTexts } from './digest-texts';

export const EN: DigestTexts = {
  subject: (count) => (count === 1 ? 'Something is waiting for you' : `${count} things are waiting for you`),
  intro: 'While you were away:',
  omitted: (count) => (count === 1 ? 'One earlier event, and:' : `${count} earlier events, and:`),
  events: {
    agent_completed: 'Your answer is ready.',
    agent_failed: 'A request of yours could not be completed.',
    agent_cancelled: 'A request of yours was cancelled.',
    input_required: 'There is a question for you.',
    notification: 'There is a message for you.',
  },
  supportCode: (code) => `Support code: ${code}`,
  closing: 'Open the chat to see everything.',
};
