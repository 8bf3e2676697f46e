import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SampleHistory } from './sample-history';
import type { Series } from './series.fixture';

const DIRECTORY = join(__dirname, '../../test/health-series/recorded');
/** Recorded once a second, read as if every ten: what takes minutes there takes an hour here. */
const SPEED = 10;

interface Recording {
  readonly scenario: string;
  /** Seconds since the beginning, one for each value. */
  readonly at: readonly number[];
  readonly figures: readonly {
    readonly figure: string;
    readonly limit: number;
    readonly direction: 'rises' | 'falls';
    /** Null where the process did not say. */
    readonly values: readonly (number | null)[];
  }[];
}

/** What processes of Clarion were like while something went slowly wrong in them, or nothing did (`test/health-series/record.ts`). */
export function recorded(): Series[] {
  return readdirSync(DIRECTORY).flatMap((file) => {
    const { scenario, at, figures } = JSON.parse(readFileSync(join(DIRECTORY, file), 'utf8')) as Recording;
    return figures.map(({ figure, values, ...limits }) => {
      const history = new SampleHistory();
      values.forEach((value, place) => {
        if (value !== null) history.add(figure, (at[place] ?? 0) * SPEED * 1_000, value);
      });
      // What was begun last counts too.
      history.add(figure, Infinity, 0);
      return { name: `${scenario}: ${figure}`, points: history.points(figure), ...limits };
    });
  });
}
