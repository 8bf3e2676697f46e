import fc from 'fast-check';
import { boundedObject, boundedText } from './safe-text';
import { TextStream, type TextPiece } from './text-stream';

const unit = fc.oneof(
  fc.constantFrom('\uD83D', '\uDE00', '\0', 'a', ' ', 'é', '😀'),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
);
const pieces = fc.array(
  fc.array(unit, { maxLength: 6 }).map((units) => units.join('')),
  { maxLength: 20 },
);

function streamed(texts: string[], start = 0): TextPiece[] {
  const stream = new TextStream(start);
  return [...texts.map((text) => stream.push(text)), stream.flush()].filter((piece) => piece !== null);
}

describe('TextStream', () => {
  it('gives the whole text, only made well-formed, however it was cut', () => {
    fc.assert(
      fc.property(pieces, (texts) => {
        const whole = streamed(texts).map(({ text }) => text);
        expect(whole.join('')).toBe(texts.join('').toWellFormed().replaceAll('\0', '\uFFFD'));
      }),
    );
  });

  it('gives pieces that are never empty, well-formed by themselves and placed one after the other', () => {
    fc.assert(
      fc.property(pieces, fc.nat(1000), (texts, start) => {
        let next = start;
        for (const { index, text } of streamed(texts, start)) {
          expect(text).not.toBe('');
          expect(text.isWellFormed()).toBe(true);
          expect(index).toBe(next);
          next += text.length;
        }
        expect(next - start).toBe(texts.join('').length);
      }),
    );
  });

  it('holds half a surrogate pair back until the other half has come', () => {
    const stream = new TextStream();
    expect(stream.push('ok \uD83D')).toEqual({ index: 0, text: 'ok ' });
    expect(stream.position).toBe(3);
    expect(stream.push('\uDE00!')).toEqual({ index: 3, text: '😀!' });
    expect(stream.flush()).toBeNull();
  });

  it('replaces a half that never gets its other half', () => {
    const stream = new TextStream();
    expect(stream.push('\uD83D')).toBeNull();
    expect(stream.flush()).toEqual({ index: 0, text: '\uFFFD' });
  });
});

describe('boundedText', () => {
  it('stays within its limit and splits no surrogate pair', () => {
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 60 }), fc.integer({ min: 2, max: 40 }), (units, limit) => {
        const bounded = boundedText(units.join(''), limit);
        expect(bounded.length).toBeLessThanOrEqual(limit);
        expect(bounded.isWellFormed()).toBe(true);
      }),
    );
    expect(boundedText('ab😀cd', 4)).toBe('ab…');
  });
});

describe('boundedObject', () => {
  it('gives an object that jsonb takes', () => {
    expect(boundedObject({ 'k\0': ['a\0', '\uD83D', 12n, { deep: undefined }] }, 4096)).toEqual({
      'k\uFFFD': ['a\uFFFD', '\uFFFD', '12', {}],
    });
    expect(boundedObject('text', 4096)).toEqual({ value: 'text' });
    expect(boundedObject(undefined, 4096)).toEqual({});
  });

  it('shows only the beginning of what is too large', () => {
    const bounded = boundedObject({ text: '"x'.repeat(10_000) }, 4096);
    expect(bounded.truncated).toBe(true);
    expect(JSON.stringify(bounded).length).toBeLessThanOrEqual(4096);
  });
});
