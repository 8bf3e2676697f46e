import { Injectable, Module, type Type } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { z } from 'zod';
import { DiceTool } from './dice.fixture';
import { McpServers } from './mcp/mcp-servers.service';
import { Tool, type ToolRunner } from './tool';
import { ToolRegistry } from './tool-registry';

@Tool({ name: 'clock', description: 'Tells the time', parameters: z.object({}) })
class ClockTool implements ToolRunner {
  run(): object {
    return { time: 'late' };
  }
}

@Tool({ name: 'clock', description: 'Tells another time', parameters: z.object({}) })
class SecondClockTool extends ClockTool {}

@Tool({ name: 'no name', description: 'Nothing', parameters: z.object({}) })
class NamelessTool extends ClockTool {}

@Injectable()
class NoServers {
  tools(): [] {
    return [];
  }
}

async function registryOf(...tools: Type[]): Promise<ToolRegistry> {
  @Module({
    imports: [DiscoveryModule],
    providers: [ToolRegistry, { provide: McpServers, useClass: NoServers }, ...tools],
  })
  class Root {}
  const app = await NestFactory.createApplicationContext(Root, { logger: false, abortOnError: false });
  return app.get(ToolRegistry);
}

describe('ToolRegistry', () => {
  const ids = { run_id: 'r', thread_id: 't', user_id: 'u', signal: new AbortController().signal };
  const ctx = { ...ids, progress: () => undefined };

  it('finds the tools of all modules and tells the model their arguments', async () => {
    const [dice] = (await registryOf(DiceTool, ClockTool)).allowed(['roll_dice']);
    expect(dice).toMatchObject({ name: 'roll_dice', description: 'Rolls dice and adds them up.', idempotent: false });
    expect(dice?.inputSchema).toMatchObject({ type: 'object', required: ['dice'] });
  });

  it('lets an agent have what its allow-list names, exactly or by a beginning', async () => {
    const registry = await registryOf(DiceTool, ClockTool);
    const allowed = (...patterns: string[]) => registry.allowed(patterns).map(({ name }) => name);
    expect(allowed('*').toSorted()).toEqual(['clock', 'roll_dice']);
    expect(allowed('roll_*')).toEqual(['roll_dice']);
    expect([allowed('roll'), allowed()]).toEqual([[], []]);
  });

  it('checks arguments, fills in defaults, and says what does not fit', async () => {
    const [dice] = (await registryOf(DiceTool)).allowed(['*']);
    expect(dice?.parse({ dice: 2 })).toEqual({ args: { dice: 2, sides: 6 } });
    expect(dice?.parse({ dice: 'two' })).toEqual({ problem: expect.stringMatching(/^dice: /) });
    expect(dice?.parse('two')).toEqual({ problem: expect.stringMatching(/^arguments: /) });
  });

  it('gives a result as text', async () => {
    const [clock] = (await registryOf(ClockTool)).allowed(['*']);
    expect(await clock?.call({}, ctx)).toBe('{"time":"late"}');
  });

  it('refuses to start with tools of one name, or a bad one', async () => {
    await expect(registryOf(ClockTool, SecondClockTool, NamelessTool)).rejects.toMatchObject({
      reason: 'CONFIGURATION_INVALID',
      details: { problems: [{ found: 'clock' }, { found: 'no name' }] },
    });
  });
});
