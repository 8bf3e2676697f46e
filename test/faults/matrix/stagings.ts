import { databaseRefuses, type Injection, throughProxy } from './injections';
import type { Fault, RowName } from './matrix';
import { type Act, drill } from './user';
import type { Role } from './world';

/** How the cells of a row are brought about. */
interface Staging {
  readonly roles: readonly Role[];
  /** What the concerned user does. */
  readonly act: Act;
  readonly faults: Readonly<Partial<Record<Fault, Injection>>>;
}

export const STAGINGS: Readonly<Record<RowName, Staging>> = {
  database: {
    roles: ['all'],
    act: drill,
    faults: { ...throughProxy((world) => world.proxies.database, 'no PostgreSQL'), refusing: databaseRefuses },
  },
};
