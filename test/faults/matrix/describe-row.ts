import { redisIsHere } from '../../support/redis-server';
import { disksCanBeMade } from '../../support/small-disk';
import { playCell, playSurvival } from './play-cell';
import { cellsToRun, isChosen, MATRIX } from './matrix';
import { keepLog, keepResult } from './results';
import { STAGINGS } from './stagings';
import { World } from './world';

jest.setTimeout(90_000);

/** Runs the cells of a row, one after the other, in one world. */
export function describeRow(name: keyof typeof STAGINGS): void {
  const canRun = redisIsHere() && (STAGINGS[name].cast.embedded !== true || disksCanBeMade());
  (canRun ? describe : describe.skip)(`${name}, when it is`, () => {
    let world: World;
    const { cast, act, faults } = STAGINGS[name];

    beforeAll(async () => {
      world = await World.start(cast);
    });
    afterAll(async () => {
      keepLog(name, world.processes.map(({ output }) => output).join('\n'));
      await world.dispose();
    });

    it.each(cellsToRun(name).filter(({ fault }) => isChosen(fault)))('$fault', async ({ fault, ...cell }) => {
      const user = `${name}-${fault}`.replaceAll(' ', '-');
      const play = { ...cell, fault, name: user, row: MATRIX[name], inject: faults[fault]!, act };
      keepResult(name, fault, await (cell.kind === 'survived' ? playSurvival : playCell)(world, play));
    });
  });
}
