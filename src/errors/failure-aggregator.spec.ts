import { FailureAggregator } from './failure-aggregator';

const LIMITS = { perSource: 3, perReason: 10, sources: 5 };
const MINUTE = 60_000;

function admitted(aggregator: FailureAggregator, times: number, source: string, now = 0) {
  return Array.from({ length: times }, () => aggregator.admit('RATE_LIMITED', source, now));
}

describe('FailureAggregator', () => {
  it('adds up what one source causes beyond its limit, and leaves other sources and reasons alone', () => {
    const aggregator = new FailureAggregator(LIMITS);
    const decisions = admitted(aggregator, 8, 'a');
    expect(decisions.map((aggregate) => aggregate !== undefined)).toEqual([
      ...Array(3).fill(false),
      ...Array(5).fill(true),
    ]);
    expect(new Set(decisions.slice(3)).size).toBe(1);
    expect(decisions[3]).toMatchObject({ source: 'a', count: 5 });
    expect(aggregator.admit('RATE_LIMITED', 'b', 0)).toBeUndefined();
    expect(aggregator.admit('PAYLOAD_INVALID', 'a', 0)).toBeUndefined();
  });

  it('begins anew after a minute and gives each aggregate out once', () => {
    const aggregator = new FailureAggregator(LIMITS);
    admitted(aggregator, 5, 'a');
    expect(aggregator.expire(MINUTE - 1)).toEqual([]);
    expect(aggregator.admit('RATE_LIMITED', 'a', MINUTE)).toBeUndefined();
    expect(aggregator.expire(MINUTE)).toMatchObject([{ source: 'a', count: 2 }]);
    expect(aggregator.expire(3 * MINUTE)).toEqual([]);
  });

  it('bounds the records of a reason over all sources', () => {
    const aggregator = new FailureAggregator({ ...LIMITS, sources: 1_000 });
    const single = Array.from({ length: 500 }, (_, n) => aggregator.admit('RATE_LIMITED', `source ${n}`, 0)).filter(
      (aggregate) => aggregate === undefined,
    );
    expect(single).toHaveLength(LIMITS.perReason);
    expect(aggregator.expire(MINUTE)).toMatchObject([{ source: null, count: 490 }]);
  });

  it('forgets the source unheard of for longest, and loses no aggregate by that', () => {
    const aggregator = new FailureAggregator(LIMITS);
    admitted(aggregator, 5, 'a');
    for (const source of ['b', 'c', 'd', 'e', 'f']) aggregator.admit('PAYLOAD_INVALID', source, 0);
    expect(aggregator.expire(1)).toMatchObject([{ source: 'a', count: 2 }]);
  });
});
