import { Injectable, Module, Scope, type Provider } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { AppConfig, loadConfig } from '../config';
import { Agent, type AgentContext, type AgentRunner, type AgentStream } from './agent';
import { AgentRegistry } from './agent-registry';
import { drillProvider } from './builtin/drill.agent';

class Speaking implements AgentRunner {
  async *run(ctx: AgentContext): AgentStream {
    yield ctx.message;
  }
}

@Agent({ name: 'echo', description: 'Repeats', maxAttempts: 2, timeoutMs: 500 })
class EchoAgent extends Speaking {}

@Agent({ name: 'echo', description: 'Repeats, too' })
class ParrotAgent extends Speaking {}

@Agent({ name: 'not a name', description: 'Badly named' })
class BadNameAgent extends Speaking {}

@Agent({ name: 'dumb', description: 'Has nothing to run' })
class DumbAgent {}

@Injectable({ scope: Scope.REQUEST })
@Agent({ name: 'scoped', description: 'One for each request' })
class ScopedAgent extends Speaking {}

class UndecoratedAgent extends EchoAgent {}

async function registryWith(providers: Provider[], environment = { DEFAULT_AGENT: 'echo' }): Promise<AgentRegistry> {
  const config = { provide: AppConfig, useValue: loadConfig(environment) };

  @Module({ imports: [DiscoveryModule], providers: [config, AgentRegistry] })
  class EngineModule {}

  @Module({ imports: [EngineModule], providers: [config, ...providers] })
  class AppModule {}

  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  const registry = app.get(AgentRegistry);
  await app.close();
  return registry;
}

describe('AgentRegistry', () => {
  it('finds a decorated class among the providers of any module', async () => {
    const registry = await registryWith([EchoAgent, UndecoratedAgent]);
    expect(registry.names()).toEqual(['echo']);
    expect(registry.defaultAgent).toBe('echo');
    expect(registry.get('echo')).toMatchObject({ name: 'echo', maxAttempts: 2, timeoutMs: 500 });
    expect(registry.get('echo').runner).toBeInstanceOf(EchoAgent);
  });

  it('answers 1004 AGENT_UNKNOWN for a name that nobody has', async () => {
    const registry = await registryWith([EchoAgent]);
    expect(() => registry.get('constructor')).toThrow(
      expect.objectContaining({ reason: 'AGENT_UNKNOWN', details: { agent: 'constructor', available: ['echo'] } }),
    );
  });

  it.each<[string, Provider[], RegExp]>([
    ['two agents of one name', [EchoAgent, ParrotAgent], /ParrotAgent: found "echo".*EchoAgent has it/],
    ['a name that is none', [EchoAgent, BadNameAgent], /BadNameAgent: found "not a name"/],
    ['an agent without run', [EchoAgent, DumbAgent], /DumbAgent: found "no method run"/],
    ['an agent that is not a singleton', [EchoAgent, ScopedAgent], /ScopedAgent: found "a request-scoped/],
    ['a default agent that is not registered', [], /DEFAULT_AGENT: found "echo"; allowed: no agent is known/],
  ])('stops the start with 1006 on %s', async (_case, providers, sentence) => {
    await expect(registryWith(providers)).rejects.toMatchObject({
      reason: 'CONFIGURATION_INVALID',
      definition: { code: 1006 },
      cause: { message: expect.stringMatching(sentence) },
    });
  });

  it('names every problem at once', async () => {
    await expect(registryWith([BadNameAgent, DumbAgent])).rejects.toMatchObject({
      details: { problems: [{ found: 'not a name' }, { found: 'no method run' }, { name: 'DEFAULT_AGENT' }] },
    });
  });

  it('knows drill under the development issuer or with DRILL_AGENT, and not else', async () => {
    const production = {
      DEFAULT_AGENT: 'echo',
      AUTH_JWT_SECRET: 'x'.repeat(48),
      AUTH_JWT_ISSUER: 'https://issuer.example',
      AUTH_JWT_AUDIENCE: 'clarion',
    };
    expect((await registryWith([EchoAgent, drillProvider])).names()).toEqual(['echo', 'drill']);
    expect((await registryWith([EchoAgent, drillProvider], production)).names()).toEqual(['echo']);
    const wanted = { ...production, DRILL_AGENT: '1' };
    expect((await registryWith([EchoAgent, drillProvider], wanted)).names()).toEqual(['echo', 'drill']);
  });
});
