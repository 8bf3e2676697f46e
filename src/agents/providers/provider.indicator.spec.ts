import { setTimeout as delay } from 'node:timers/promises';
import { fails, LlmServer, says } from '../../../test/support/llm-server';
import { loadConfig } from '../../config';
import { type Failure, FailureReporter } from '../../errors';
import { MetricsRegistry } from '../../telemetry';
import { ActiveRuns } from '../active-runs';
import { ProviderCircuits } from '../provider-circuits.service';
import { RunMetrics } from '../run-metrics';
import { McpServers } from '../tools/mcp/mcp-servers.service';
import { ModelProvider } from './model-provider.service';
import { ProviderIndicator } from './provider.indicator';
import { ProviderProbe } from './provider-probe';

class NoReporter extends FailureReporter {
  override report(): Promise<Failure> {
    throw new Error('nothing was to be reported');
  }
}

describe('the health of the provider', () => {
  let llm: LlmServer;
  let probe: ProviderProbe;
  let indicator: ProviderIndicator;
  let provider: ModelProvider;

  beforeEach(async () => {
    llm = await LlmServer.start();
    const config = loadConfig({ LLM_BASE_URL: llm.baseUrl, LLM_MODEL: 'test-model' });
    const circuits = new ProviderCircuits(config);
    probe = new ProviderProbe(config, new NoReporter());
    indicator = new ProviderIndicator(config, probe, new McpServers(config, new NoReporter()), circuits);
    provider = new ModelProvider(config, circuits, new RunMetrics(new MetricsRegistry(), new ActiveRuns()));
  });
  afterEach(async () => {
    await probe.onApplicationShutdown();
    await llm.close();
  });

  const check = () => indicator.check(AbortSignal.timeout(2_000));

  async function ask(): Promise<void> {
    const call = {
      model: 'test-model',
      instructions: '',
      tools: {},
      price: null,
      signal: new AbortController().signal,
    };
    const messages = [{ role: 'user' as const, content: 'Hello' }];
    for await (const part of provider.stream({ ...call, messages })) expect(part).toBeDefined();
  }

  it('is bad while it lists its models and fails whoever asks them, and good with the next answer', async () => {
    probe.onApplicationBootstrap();
    expect(await check()).toMatchObject({ status: 'healthy' });
    llm.script(fails(500), fails(500), fails(500));
    for (let time = 0; time < 3; time += 1)
      await expect(ask()).rejects.toMatchObject({ reason: 'PROVIDER_UNAVAILABLE' });
    expect(await check()).toMatchObject({
      status: 'failed',
      problem: '3 of the last 3 calls failed: An external provider is unavailable',
      cause: { reason: 'PROVIDER_UNAVAILABLE' },
      details: { last_probe: { status: 200 } },
    });
    llm.script(says('Well.'));
    await ask();
    expect(await check()).toMatchObject({ status: 'healthy' });
  });

  it('is looked at every few seconds while it is away, and every LLM_PROBE_EVERY_MS while it is there', async () => {
    llm.modelsStatus = 503;
    probe.onApplicationBootstrap();
    expect(await check()).toMatchObject({ status: 'failed', cause: { reason: 'PROVIDER_UNAVAILABLE' } });
    llm.modelsStatus = 200;
    while ((await check()).status === 'failed') await delay(100);
    const looked = llm.modelsRequests;
    await delay(6_000);
    expect(llm.modelsRequests).toBe(looked);
  }, 20_000);
});
