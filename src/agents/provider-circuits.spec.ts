import { Logger } from '@nestjs/common';
import { loadConfig } from '../config';
import { ComponentError } from '../errors';
import { RunStop } from './active-runs';
import { ProviderCircuits } from './provider-circuits.service';

const FAILURES = 3;
const OPEN_MS = 100;
const OUTAGE = ComponentError.dependencies('PROVIDER_UNAVAILABLE');
const OPEN = { reason: 'PROVIDER_CIRCUIT_OPEN', definition: { code: 1006, retryable: true }, retryAfterMs: OPEN_MS };

const fail = (error: Error = OUTAGE) => Promise.reject(error);

describe('the circuit of a provider', () => {
  let circuits: ProviderCircuits;

  beforeAll(() => Logger.overrideLogger(false));

  beforeEach(() => {
    jest.useFakeTimers({ now: 0, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    circuits = new ProviderCircuits(
      loadConfig({ PROVIDER_CIRCUIT_FAILURES: String(FAILURES), PROVIDER_CIRCUIT_OPEN_MS: String(OPEN_MS) }),
    );
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  const failTimes = async (times: number, error?: Error) => {
    for (let time = 0; time < times; time += 1)
      await expect(circuits.call('llm', () => fail(error))).rejects.toBeInstanceOf(Error);
  };

  const open = async () => {
    await failTimes(FAILURES);
    expect(circuits.stateOf('llm')).toBe('open');
  };

  it('opens after failures in a row: then calls fail at once, without being made, for this provider alone', async () => {
    await failTimes(FAILURES - 1);
    expect(await circuits.call('llm', () => Promise.resolve('well'))).toBe('well');
    await failTimes(FAILURES - 1);
    expect(circuits.stateOf('llm')).toBe('closed');
    await failTimes(1);
    const work = jest.fn();
    await expect(circuits.call('llm', work)).rejects.toMatchObject({ ...OPEN, details: { provider: 'llm' } });
    expect(work).not.toHaveBeenCalled();
    expect(await circuits.call('other', () => Promise.resolve(1))).toBe(1);
  });

  it('says how long it stays open still', async () => {
    await open();
    jest.setSystemTime(OPEN_MS - 30);
    const refused = circuits.call('llm', () => Promise.resolve('too early'));
    await expect(refused).rejects.toMatchObject({ reason: 'PROVIDER_CIRCUIT_OPEN', retryAfterMs: 30 });
  });

  it('lets one call through after a while, fails the others meanwhile, and closes with its success', async () => {
    await open();
    jest.setSystemTime(OPEN_MS + 1);
    const probe = Promise.withResolvers<string>();
    const probing = circuits.call('llm', () => probe.promise);
    expect(circuits.stateOf('llm')).toBe('half_open');
    await expect(circuits.call('llm', () => Promise.resolve('too early'))).rejects.toMatchObject(OPEN);
    probe.resolve('well');
    expect(await probing).toBe('well');
    expect(circuits.stateOf('llm')).toBe('closed');
  });

  it('tells of a provider that fails call after call, for its own faults and not for those of a request', async () => {
    await failTimes(5, ComponentError.dependencies('PROVIDER_CONTEXT_TOO_LONG'));
    await failTimes(5, new RunStop('lease_lost'));
    expect(circuits.troubleOf('llm')).toBeNull();
    const used = ComponentError.dependencies('PROVIDER_QUOTA_EXHAUSTED');
    await failTimes(3, used);
    expect(circuits.troubleOf('llm')).toEqual({ calls: 3, failures: 3, failing: true, cause: used });
    expect(circuits.troubleOf('other')).toBeNull();
    await circuits.call('llm', () => Promise.resolve('well'));
    expect(circuits.troubleOf('llm')).toBeNull();
  });

  it('opens again when that call fails', async () => {
    await open();
    jest.setSystemTime(OPEN_MS + 1);
    await failTimes(1);
    expect(circuits.stateOf('llm')).toBe('open');
    await expect(circuits.call('llm', () => Promise.resolve(1))).rejects.toMatchObject(OPEN);
  });

  it.each([
    ['a refusal', ComponentError.dependencies('PROVIDER_REJECTED')],
    ['a cancelled run', new RunStop('ended_elsewhere')],
    ['a takeover', new RunStop('lease_lost')],
  ])('does not open for %s', async (_what, error) => {
    await failTimes(FAILURES * 2, error);
    expect(circuits.stateOf('llm')).toBe('closed');
  });

  it('stays open when that call is cancelled', async () => {
    await open();
    jest.setSystemTime(OPEN_MS + 1);
    await failTimes(1, new RunStop('ended_elsewhere'));
    expect(circuits.stateOf('llm')).toBe('open');
  });

  it('closes when that call is answered by a refusal', async () => {
    await open();
    jest.setSystemTime(OPEN_MS + 1);
    await failTimes(1, ComponentError.dependencies('PROVIDER_REJECTED'));
    expect(circuits.stateOf('llm')).toBe('closed');
  });

  describe('with streams', () => {
    async function* tokens(count: number, error?: Error): AsyncGenerator<number, void, void> {
      for (let token = 0; token < count; token += 1) yield token;
      if (error !== undefined) throw error;
    }

    const read = async (stream: AsyncIterable<number>, most = Infinity) => {
      const found: number[] = [];
      for await (const token of stream) {
        found.push(token);
        if (found.length >= most) break;
      }
      return found;
    };

    it('gives the items, and counts a failure in mid-stream', async () => {
      expect(await read(circuits.stream('llm', () => tokens(3)))).toEqual([0, 1, 2]);
      for (let time = 0; time < FAILURES; time += 1)
        await expect(read(circuits.stream('llm', () => tokens(3, OUTAGE)))).rejects.toBe(OUTAGE);
      const begin = jest.fn();
      await expect(read(circuits.stream('llm', begin))).rejects.toMatchObject(OPEN);
      expect(begin).not.toHaveBeenCalled();
    });

    it('stays open after a probe that nobody waited for until it said something', async () => {
      await open();
      jest.setSystemTime(OPEN_MS + 1);
      const left = Promise.withResolvers<never>();
      const silent = async function* (): AsyncGenerator<number> {
        yield await left.promise;
      };
      const reading = read(circuits.stream('llm', silent));
      left.reject(new RunStop('ended_elsewhere'));
      await expect(reading).rejects.toBeInstanceOf(RunStop);
      expect(circuits.stateOf('llm')).toBe('open');
    });

    it('closes with the first item of a probe, while the stream goes on', async () => {
      await open();
      jest.setSystemTime(OPEN_MS + 1);
      const probe = circuits.stream('llm', () => tokens(2));
      await probe.next();
      await probe.next();
      expect(circuits.stateOf('llm')).toBe('closed');
    });

    it('is not left half open by a reader who stops', async () => {
      await open();
      jest.setSystemTime(OPEN_MS + 1);
      expect(
        await read(
          circuits.stream('llm', () => tokens(5)),
          1,
        ),
      ).toEqual([0]);
      expect(circuits.stateOf('llm')).toBe('closed');
    });
  });
});
