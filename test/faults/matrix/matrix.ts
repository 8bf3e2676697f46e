import type { Component, ComponentName } from '@clarion/protocol';
import type { Reason } from '../../../src/errors';

/** What befalls a component. `refusing`: it refuses our credentials, or is full. */
export const FAULTS = ['down', 'slow', 'hanging', 'flapping', 'garbage', 'refusing'] as const;
export type Fault = (typeof FAULTS)[number];

/** What the concerned user is told: one of these reasons. */
export interface Told {
  readonly told: readonly Reason[];
}
/** Why the fault makes no sense there. */
interface Senseless {
  readonly senseless: string;
}
export type Cell = Told | Senseless;

export interface Row {
  /** As the user is told and a look-up says. */
  readonly component: Component;
  /** As the health report and the alert name it. */
  readonly health: ComponentName;
  /** What stands on it and cannot be well without it. */
  readonly follows: readonly ComponentName[];
  readonly cells: Readonly<Record<Fault, Cell>>;
}

const told = (...reasons: Reason[]): Told => ({ told: reasons });

/** Every component that may fail with all that may befall it: what `npm run test:faults` runs, and docs/FAULTS.md tells of. */
export const MATRIX = {
  database: {
    component: 'Database',
    health: 'database',
    follows: ['supervisor', 'bridge', 'tasks'],
    cells: {
      down: told('DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT'),
      slow: told('DATABASE_TIMEOUT', 'DATABASE_UNAVAILABLE'),
      hanging: told('DATABASE_TIMEOUT', 'DATABASE_UNAVAILABLE'),
      flapping: told('DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT'),
      garbage: told('DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT'),
      refusing: told('DATABASE_CREDENTIALS', 'DATABASE_UNAVAILABLE'),
    },
  },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof MATRIX;

/** The cells of a row that are run. */
export function toldCells(name: RowName): { fault: Fault; reasons: readonly Reason[] }[] {
  const { cells }: Row = MATRIX[name];
  return FAULTS.flatMap((fault) => {
    const cell = cells[fault];
    return 'told' in cell ? [{ fault, reasons: cell.told }] : [];
  });
}
