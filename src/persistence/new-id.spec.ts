import { validate, version } from 'uuid';
import { newId } from './new-id';

describe('A new id', () => {
  it('is a UUIDv7 of its own, of the time at which it was made', () => {
    const before = Date.now();
    const ids = Array.from({ length: 2_000 }, newId);
    const after = Date.now();
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) {
      expect([validate(id), version(id)]).toEqual([true, 7]);
      const made = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
      expect(made).toBeGreaterThanOrEqual(before);
      expect(made).toBeLessThanOrEqual(after);
    }
  });
});
