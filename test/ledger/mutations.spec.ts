import { BUILT } from './deployment';
import { MUTATIONS, mutated } from './mutations';

describe('the mutations that prove the ledger (npm run ledger:mutations)', () => {
  it.each(MUTATIONS)('$name: still fits the code', async (mutation) => {
    const texts = await mutated(BUILT, mutation);
    for (const { file, replace } of mutation.edits) expect(texts.get(file)).toContain(replace);
  });
});
