import { AckWindow } from './ack-window';

describe('the window for acknowledgements', () => {
  let expired: number[];
  let window: AckWindow;

  beforeEach(() => {
    jest.useFakeTimers();
    expired = [];
    window = new AckWindow(1_000, (seq) => expired.push(seq));
  });

  afterEach(() => {
    window.close();
    jest.useRealTimers();
  });

  it('expires a window after what was left unacknowledged', () => {
    window.sent(1);
    jest.advanceTimersByTime(500);
    window.sent(2);
    window.acknowledge(1);
    jest.advanceTimersByTime(900);
    expect(expired).toEqual([]);
    jest.advanceTimersByTime(200);
    expect(expired).toEqual([2]);
  });

  it('never expires while everything is acknowledged in time', () => {
    for (let seq = 1; seq < 100; seq += 1) {
      window.sent(seq);
      jest.advanceTimersByTime(900);
      window.acknowledge(seq);
    }
    jest.advanceTimersByTime(5_000);
    expect(expired).toEqual([]);
  });

  it('expires under a stream that never pauses', () => {
    for (let seq = 1; seq <= 120; seq += 1) {
      window.sent(seq);
      jest.advanceTimersByTime(10);
    }
    expect(expired).toHaveLength(1);
    expect(expired[0]).toBeLessThanOrEqual(6);
  });

  it('does nothing once it is closed', () => {
    window.sent(1);
    window.close();
    jest.advanceTimersByTime(5_000);
    expect(expired).toEqual([]);
  });
});
