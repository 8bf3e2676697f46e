import fc from 'fast-check';
import { formatCursor, parseCursor } from './cursor';

describe('cursor', () => {
  it('reads back what it wrote', () => {
    const epoch = fc.stringMatching(/^[A-Za-z0-9]{8,32}$/);
    fc.assert(
      fc.property(epoch, fc.maxSafeNat(), (name, seq) => {
        expect(parseCursor(formatCursor(name, seq))).toEqual({ epoch: name, seq });
      }),
    );
  });

  it.each([
    '',
    ':',
    'abcdefgh',
    'abcdefgh:',
    ':1',
    'abcdefg:1',
    `${'a'.repeat(33)}:1`,
    'abcd-fgh:1',
    'abcdefgh:-1',
    'abcdefgh:+1',
    'abcdefgh:01',
    'abcdefgh:1.0',
    'abcdefgh:1e3',
    'abcdefgh: 1',
    'abcdefgh:1\n',
    'abcdefgh:1:2',
    'abcdefgh:9007199254740992',
    'abcdefgh:99999999999999999',
  ])('refuses %j', (text) => {
    expect(parseCursor(text)).toBeNull();
  });

  it('reads zero and the largest safe number', () => {
    expect(parseCursor('abcdefgh:0')).toEqual({ epoch: 'abcdefgh', seq: 0 });
    expect(parseCursor('abcdefgh:9007199254740991')).toEqual({ epoch: 'abcdefgh', seq: Number.MAX_SAFE_INTEGER });
  });
});
