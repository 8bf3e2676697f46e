import { BUILT } from './deployment';
import { MUTATIONS, mutated } from './mutations';

describe('the mutations that prove the ledger (npm run ledger:mutations)', () => {
  it.each(MUTATIONS)('$name: still fits the code', async (mutation) => {
    const text = await mutated(BUILT, mutation);
    expect(text).toContain(mutation.replace);
  });
});
