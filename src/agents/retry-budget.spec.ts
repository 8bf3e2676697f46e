import { RetryBudget } from './retry-budget';

describe('the retry budget', () => {
  const spendAll = (budget: RetryBudget): number => {
    let spent = 0;
    while (budget.spend()) spent += 1;
    return spent;
  };

  it('gives a share of the runs that begin, beyond its reserve', () => {
    const budget = new RetryBudget(20, () => 0);
    expect(spendAll(budget)).toBe(20);
    for (let run = 0; run < 100; run += 1) budget.runBegan();
    expect([19, 20]).toContain(spendAll(budget));
  });

  it('regains its reserve with time, and no more than that', () => {
    let now = 0;
    const budget = new RetryBudget(20, () => now);
    spendAll(budget);
    now += 30_000;
    expect(spendAll(budget)).toBe(10);
    now += 3_600_000;
    expect(spendAll(budget)).toBe(20);
  });

  it('saves up no more than a bounded number', () => {
    const budget = new RetryBudget(100, () => 0);
    for (let run = 0; run < 10_000; run += 1) budget.runBegan();
    expect(spendAll(budget)).toBe(200);
  });

  it('gives nothing at 0 percent', () => {
    expect(spendAll(new RetryBudget(0))).toBe(0);
  });
});
