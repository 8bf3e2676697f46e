import fc from 'fast-check';
import { measureJson } from './json';

describe('measureJson', () => {
  it('counts what JSON.stringify would write, to the character', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const { length } = JSON.stringify(value);
        expect(measureJson(value, length).fits).toBe(true);
        expect(measureJson(value, length - 1).fits).toBe(false);
      }),
    );
  });

  it('finds a text that cannot be stored wherever it is', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('\u0000', '\ud83d', 'x\udc00'),
        fc.boolean(),
        (value, text, asKey) => {
          const hidden = [value, { inner: [asKey ? { [text]: 1 } : text] }];
          expect(measureJson(hidden, Infinity).textsAcceptable).toBe(false);
        },
      ),
    );
  });
});
