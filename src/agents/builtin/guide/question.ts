import { ERROR_CODES, SUPPORT_CODE_PATTERN, type ErrorCode } from '@clarion/protocol';
import { isReason, type Reason } from '../../../errors';

/** What a question names, as far as words tell. */
export interface Question {
  text: string;
  codes: ErrorCode[];
  reasons: Reason[];
  supportCodes: string[];
  /** Numbers that are spoken of as error codes and are none of Clarion's. */
  unknownCodes: string[];
  /** How Clarion is right now. */
  asksHealth: boolean;
  /** The word itself: the documents have more to say than the state. */
  asksAboutHealth: boolean;
  greets: boolean;
}

const MAX_QUESTION = 1000;
const WORD = /[\p{L}\p{N}_]+/gu;
const SPOKEN_AS_CODE = /\b(?:error|code|close code|status)s?\s+(?:code\s+|number\s+)?#?(\d{3,5})\b/gi;
const HEALTH =
  /\b(health|healthy|is (everything|anything|it|clarion|the (system|server|service|database)) (up|ok|okay|fine|working|down|alive|broken|failing)|(any|are there) (problems|outages))\b|\bhow are you\b|\bstatus\b.*\b(system|server|service|clarion|components?)\b/i;
const GREETING =
  /^\W*(hi|hello|hey|good (morning|afternoon|evening|day)|greetings|thanks|thank you|help|who are you|what can (you|i) (do|ask)( you)?( for me)?)\b[\s\p{P}]*(there|clarion|guide)?[\s\p{P}]*$/iu;
const FOLLOW_UP = /\b(it|that|this|they|them|those|these)\b/i;

export function pointsBack(question: Question): boolean {
  return !namesFailure(question) && !question.asksHealth && FOLLOW_UP.test(question.text);
}

/** "What do I do about it?" after "What is 1005?" asks about 1005. `earlier`: the thread's messages, newest last. */
export function withEarlier(question: Question, earlier: readonly string[]): Question {
  const before = earlier.map(readQuestion).findLast(namesFailure);
  return before === undefined ? question : { ...question, codes: before.codes, reasons: before.reasons };
}

function namesFailure({ codes, reasons, supportCodes, unknownCodes }: Question): boolean {
  return codes.length + reasons.length + supportCodes.length + unknownCodes.length > 0;
}

/** Reads the beginning of a message; the expressions here are not meant for 64 KB. */
export function readQuestion(message: string): Question {
  const text = message.slice(0, MAX_QUESTION);
  const words = text.match(WORD) ?? [];
  const reasons = unique(words.map((word) => word.toUpperCase()).filter(isReason));
  const supportCodes = words.filter((word) => SUPPORT_CODE_PATTERN.test(word) && !isReason(word));
  const numbers = words.map((word) => ({ word, code: codeOf(Number(word)) }));
  const spoken = [...text.matchAll(SPOKEN_AS_CODE)].map((match) => match[1] ?? '');
  return {
    text,
    codes: unique(numbers.flatMap(({ code }) => (code === undefined ? [] : [code]))),
    reasons,
    supportCodes: unique(supportCodes),
    unknownCodes: unique(spoken.filter((word) => codeOf(Number(word)) === undefined)),
    asksHealth: HEALTH.test(text),
    asksAboutHealth: /\bhealth\b/i.test(text),
    greets: GREETING.test(text),
  };
}

/** A code, also where it is named by its close code (PROTOCOL.md section 6). */
function codeOf(number: number): ErrorCode | undefined {
  return ERROR_CODES.find((code) => number === code || number === code + 3000 || number === code + 3500);
}

function unique<T>(values: T[]): T[] {
  return [...new Set(values)];
}
