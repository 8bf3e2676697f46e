import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { Tool, type ToolContext, ToolError, type ToolRunner } from './tool';

const parameters = z.object({
  dice: z.int().min(1).describe('How many dice to roll'),
  sides: z.int().min(1).default(6),
});

@Tool({ name: 'roll_dice', description: 'Rolls dice and adds them up.', parameters })
export class DiceTool implements ToolRunner<typeof parameters> {
  async run({ dice, sides }: z.infer<typeof parameters>, ctx: ToolContext): Promise<{ rolls: number[]; sum: number }> {
    if (dice > 100) throw new ToolError('I have only a hundred dice.');
    const rolls = Array.from({ length: dice }, () => randomInt(sides) + 1);
    ctx.progress(1, `${dice} dice rolled`);
    return { rolls, sum: rolls.reduce((sum, roll) => sum + roll) };
  }
}
