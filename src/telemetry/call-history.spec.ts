import { CallHistory } from './call-history';

describe('the history of calls', () => {
  let history: CallHistory<string>;

  beforeEach(() => {
    jest.useFakeTimers({ now: 0 });
    history = new CallHistory();
  });
  afterEach(() => jest.useRealTimers());

  const pass = (ms: number) => jest.advanceTimersByTime(ms);
  const fail = (times: number) => {
    for (let time = 0; time < times; time += 1) history.failed('away');
  };
  const succeed = (times: number) => {
    for (let time = 0; time < times; time += 1) history.succeeded();
  };

  it('is no trouble before anything failed, and after one failure or two', () => {
    succeed(3);
    expect(history.trouble).toBeNull();
    fail(2);
    expect(history.trouble).toBeNull();
  });

  it('is trouble when call after call fails, until one succeeds', () => {
    fail(3);
    expect(history.trouble).toEqual({ calls: 3, failures: 3, failing: true, cause: 'away' });
    succeed(1);
    expect(history.trouble).toBeNull();
  });

  it('stays trouble through the good moments of a peer that comes and goes, until it has been well for seconds', () => {
    for (let turn = 0; turn < 3; turn += 1) {
      fail(2);
      pass(700);
      succeed(1);
      pass(300);
    }
    expect(history.trouble).toMatchObject({ calls: 9, failures: 6, failing: false });
    pass(3_900);
    expect(history.trouble).not.toBeNull();
    pass(200);
    expect(history.trouble).toBeNull();
  });

  it('is trouble where a part of many calls fails, and not where hardly any does', () => {
    for (let turn = 0; turn < 5; turn += 1) {
      fail(1);
      succeed(3);
    }
    expect(history.trouble).toMatchObject({ calls: 20, failures: 5, failing: false });
    succeed(6);
    expect(history.trouble).toBeNull();
  });

  it('forgets what was half a minute ago', () => {
    fail(1);
    succeed(1);
    pass(15_000);
    fail(1);
    succeed(1);
    pass(16_000);
    fail(1);
    succeed(1);
    expect(history.trouble).toBeNull();
  });
});
