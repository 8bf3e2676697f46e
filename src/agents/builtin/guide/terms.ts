const STOP_WORDS = new Set(
  (
    'a about an and any are as at be by can could did do does for from get give had has have how i if in into is it ' +
    'its let may me mean means mine my no of on or our please say should so some tell than that the their them then ' +
    'there these they this to up us was we were what whats when where which who whom whose why will with would you ' +
    'your clarion explain describe show happen happens work works'
  ).split(' '),
);

/** The words of a text; an identifier (`run_cancel`) is one word. */
export function tokenize(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+/gu) ?? [];
}

/** The form of a word under which it is indexed and sought, or null where it says nothing. */
export function termOf(word: string): string | null {
  const lower = word.toLowerCase();
  return STOP_WORDS.has(lower) ? null : stem(lower);
}

// As crude as an index of a few documents needs: "retries", "retried" and "retry" meet.
function stem(word: string): string {
  if (word.length < 5 || word.includes('_')) return word.length === 4 && word.endsWith('s') ? word.slice(0, -1) : word;
  const base = word
    .replace(/(ies|ied)$/, 'y')
    .replace(/(?<=...)(ing|ed|es|s)$/, '')
    .replace(/(?<=..)e$/, '');
  return base.replace(/([bdfgkmnprt])\1$/, '$1');
}
