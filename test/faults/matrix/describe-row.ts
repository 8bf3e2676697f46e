import { redisIsHere } from '../../support/redis-server';
import { playCell } from './play-cell';
import { MATRIX, type RowName, toldCells } from './matrix';
import { keepLog, keepResult } from './results';
import { STAGINGS } from './stagings';
import { World } from './world';

jest.setTimeout(90_000);

/** Runs the cells of a row, one after the other, in one world. */
export function describeRow(name: RowName): void {
  const describeIfRedis = redisIsHere() ? describe : describe.skip;
  describeIfRedis(`${name}, when it is`, () => {
    let world: World;
    const { roles, act, faults } = STAGINGS[name];

    beforeAll(async () => {
      world = await World.start(roles);
    });
    afterAll(async () => {
      keepLog(name, world.processes.map(({ output }) => output).join('\n'));
      await world.dispose();
    });

    it.each(toldCells(name))('$fault', async ({ fault, reasons }) => {
      const play = { name: `${name}-${fault}`, row: MATRIX[name], reasons, inject: faults[fault]!, act };
      keepResult(name, fault, await playCell(world, play));
    });
  });
}
