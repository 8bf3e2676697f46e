import fc from 'fast-check';
import { isAcceptableText, splitSafeEnd, utf8Length } from './text';

describe('text', () => {
  it('refuses U+0000 and lone surrogates, and nothing else', () => {
    expect(['a\u0000b', '\ud83d', '\ude00x', 'x\ud83d\ud83d\ude00'].filter(isAcceptableText)).toEqual([]);
    expect(['', ' \n\t', '\u0001\ufffd', 'naïve 😀', '\uffff'].every(isAcceptableText)).toBe(true);
  });

  it('never cuts a surrogate pair, and cuts as far as asked', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, wish) => {
        const asked = wish % (text.length + 1);
        const end = splitSafeEnd(text, asked);
        expect(text.slice(0, end).isWellFormed() && text.slice(end).isWellFormed()).toBe(true);
        expect(text.slice(0, asked).isWellFormed() ? end : end + 1).toBe(asked);
      }),
    );
  });

  it('stays inside the text', () => {
    expect([splitSafeEnd('😀', 9), splitSafeEnd('😀', 1), splitSafeEnd('😀', -1)]).toEqual([2, 0, 0]);
  });

  it('counts bytes of UTF-8 as an encoder does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text, 'utf8'));
      }),
    );
    expect(utf8Length('\ud83d')).toBe(Buffer.byteLength('\ud83d', 'utf8'));
  });
});
