import type { Component, ComponentName } from '@clarion/protocol';
import type { Reason } from '../../../src/errors';

/** What befalls a component. `refusing`: it refuses our credentials, or is full. */
export const FAULTS = ['down', 'slow', 'hanging', 'flapping', 'garbage', 'refusing'] as const;
export type Fault = (typeof FAULTS)[number];

/** What the concerned user is told: one of these reasons. */
interface Told {
  readonly told: readonly Reason[];
}
/** No user is concerned: what is on record instead, and why. */
interface Noted {
  readonly noted: readonly Reason[];
  readonly because: string;
}
/** Nothing fails, since something else takes over: what does, and why nobody is told. */
interface Survived {
  readonly survived: string;
}
/** Why the fault makes no sense there. */
interface Senseless {
  readonly senseless: string;
}
export type Cell = Told | Noted | Survived | Senseless;

export interface Row {
  /** As the user is told and a look-up says. */
  readonly component: Component;
  /** As the health report and the alert name it. */
  readonly health: ComponentName;
  /** What the report has to say of another component beside: its reason. */
  readonly also?: { readonly component: ComponentName; readonly reason: Reason };
  /** What stands on it and cannot be well without it. */
  readonly follows: readonly ComponentName[];
  readonly cells: Readonly<Record<Fault, Cell>>;
}

const OTHER_GATEWAY =
  'a process that is gone says nothing: the client comes back to another gateway with its cursor within two seconds, and misses nothing; the load balancer’s probe finds the process';
const NO_USER = 'nothing that a user asks for is written to DATA_DIR but records while the database is away';

const told = (...reasons: Reason[]): Told => ({ told: reasons });

const channelFailed = everyFault({
  noted: ['ALERT_CHANNEL_FAILED'],
  because:
    'alerts are for admins: the next channel tells them, of this one too, which is offered again what it did not take',
});

function everyFault(cell: Cell): Record<Fault, Cell> {
  return { down: cell, slow: cell, hanging: cell, flapping: cell, garbage: cell, refusing: cell };
}

/** Every component that may fail with all that may befall it: what `npm run test:faults` runs, and docs/FAULTS.md tells of. */
export const MATRIX = {
  database: {
    component: 'Database',
    health: 'database',
    follows: ['supervisor', 'bridge', 'tasks'],
    cells: {
      down: told('DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT', 'RUN_STALLED'),
      slow: told('DATABASE_TIMEOUT', 'DATABASE_UNAVAILABLE', 'RUN_STALLED'),
      hanging: told('DATABASE_TIMEOUT', 'DATABASE_UNAVAILABLE', 'RUN_STALLED'),
      flapping: told('DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT', 'RUN_STALLED'),
      garbage: told('DATABASE_UNAVAILABLE', 'DATABASE_TIMEOUT', 'RUN_STALLED'),
      refusing: told('DATABASE_CREDENTIALS', 'DATABASE_UNAVAILABLE', 'RUN_STALLED'),
    },
  },
  redis: {
    component: 'Redis',
    health: 'redis',
    follows: ['queues', 'bridge', 'tasks', 'supervisor'],
    cells: {
      down: told('RUN_DELAYED'),
      slow: told('RUN_DELAYED'),
      hanging: told('RUN_DELAYED'),
      flapping: told('RUN_DELAYED'),
      garbage: told('RUN_DELAYED'),
      refusing: told('RUN_DELAYED'),
    },
  },
  auth: {
    component: 'Authentication',
    health: 'auth',
    follows: [],
    cells: {
      down: told('AUTH_SERVICE_UNAVAILABLE', 'AUTH_CIRCUIT_OPEN'),
      slow: told('AUTH_SERVICE_TIMEOUT', 'AUTH_CIRCUIT_OPEN'),
      hanging: told('AUTH_SERVICE_TIMEOUT', 'AUTH_CIRCUIT_OPEN'),
      flapping: told('AUTH_SERVICE_UNAVAILABLE', 'AUTH_CIRCUIT_OPEN'),
      garbage: told('AUTH_SERVICE_INVALID_ANSWER', 'AUTH_CIRCUIT_OPEN'),
      refusing: told('AUTH_CREDENTIALS_REFUSED'),
    },
  },
  provider: {
    component: 'Dependencies',
    health: 'provider',
    follows: [],
    cells: {
      down: told('PROVIDER_UNAVAILABLE', 'PROVIDER_CIRCUIT_OPEN'),
      slow: told('PROVIDER_TIMEOUT', 'PROVIDER_CIRCUIT_OPEN'),
      hanging: told('PROVIDER_TIMEOUT', 'PROVIDER_CIRCUIT_OPEN'),
      flapping: told('PROVIDER_UNAVAILABLE', 'PROVIDER_STREAM_BROKEN', 'PROVIDER_CIRCUIT_OPEN'),
      garbage: told('PROVIDER_RESPONSE_INVALID', 'PROVIDER_CIRCUIT_OPEN'),
      refusing: told('PROVIDER_CREDENTIALS'),
    },
  },
  'mcp tool': {
    component: 'AgentSupervisor',
    health: 'provider',
    follows: [],
    cells: {
      down: told('AGENT_TOOL_FAILED'),
      slow: told('AGENT_TOOL_FAILED'),
      hanging: told('AGENT_TOOL_FAILED'),
      flapping: told('AGENT_TOOL_FAILED'),
      garbage: told('AGENT_TOOL_FAILED'),
      refusing: told('AGENT_TOOL_FAILED'),
    },
  },
  'worker process': {
    component: 'AgentSupervisor',
    health: 'supervisor',
    follows: ['tasks', 'queues'],
    cells: {
      down: told('NO_WORKER_AVAILABLE'),
      slow: {
        senseless:
          'a worker with too little processor time answers late, within the clocks of a run; one that misses its heartbeats is frozen',
      },
      hanging: told('NO_WORKER_AVAILABLE'),
      flapping: told('NO_WORKER_AVAILABLE', 'WORKER_LOST'),
      garbage: {
        senseless:
          'a worker speaks to nobody but PostgreSQL and Redis, and only what our own code writes; a ghost is refused by its fence',
      },
      refusing: {
        senseless:
          'a worker is never full: what is beyond WORKER_CONCURRENCY waits in the queue; and it asks for no credentials',
      },
    },
  },
  'gateway process': {
    component: 'WebSocketBridge',
    health: 'bridge',
    follows: [],
    cells: {
      down: { survived: OTHER_GATEWAY },
      slow: {
        senseless:
          'a gateway with too little processor time answers late: every request has its deadline, and `ACK_TIMEOUT` after it',
      },
      hanging: { survived: OTHER_GATEWAY },
      flapping: { survived: OTHER_GATEWAY },
      garbage: {
        senseless:
          'what a gateway says is written by our own code; what a client says is checked, and answered by 1004',
      },
      refusing: { senseless: 'a gateway refuses users by limits of their own, which are no fault of it' },
    },
  },
  'disk of DATA_DIR': {
    component: 'Dependencies',
    health: 'environment',
    follows: [],
    cells: {
      down: { noted: ['DATA_DIR_UNUSABLE'], because: NO_USER },
      slow: {
        senseless:
          'nobody waits for what is written there while the database works; a disk can not be made slow without a file system of its own',
      },
      hanging: { senseless: 'as slow' },
      flapping: { noted: ['DATA_DIR_UNUSABLE'], because: NO_USER },
      garbage: {
        senseless:
          'a line of the spool that can not be read is one that a killed process has torn; it is left out, and counted in the log',
      },
      refusing: {
        noted: ['DATA_DIR_UNUSABLE'],
        because: `${NO_USER}. Full is played by a limit of the process on the size of files (RLIMIT_FSIZE), which needs no privilege`,
      },
    },
  },
  'disk of the embedded PostgreSQL': {
    component: 'Database',
    health: 'environment',
    also: { component: 'database', reason: 'DATABASE_DISK_FULL' },
    follows: ['database', 'supervisor', 'bridge', 'queues', 'tasks'],
    cells: {
      down: told('DATABASE_DISK_FULL', 'DATABASE_UNAVAILABLE', 'RUN_STALLED'),
      slow: { senseless: 'a database that is slow, whatever the cause, is one of the rows above' },
      hanging: { senseless: 'as slow' },
      flapping: told('DATABASE_DISK_FULL', 'DATABASE_UNAVAILABLE', 'RUN_STALLED'),
      garbage: {
        senseless: 'PostgreSQL finds by its checksums what a disk has garbled; no repair of ours would be one',
      },
      refusing: told('DATABASE_DISK_FULL', 'DATABASE_UNAVAILABLE', 'RUN_STALLED'),
    },
  },
  'alert channel': {
    component: 'Integration',
    health: 'alerts',
    follows: [],
    cells: channelFailed,
  },
  smtp: {
    component: 'Integration',
    health: 'alerts',
    follows: [],
    cells: channelFailed,
  },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof MATRIX;

/** A cell that is run. */
export interface CellToRun {
  readonly fault: Fault;
  /** `told`: the user hears of it; `noted`: no user is concerned; `survived`: nothing fails. */
  readonly kind: 'told' | 'noted' | 'survived';
  readonly reasons: readonly Reason[];
}

/** False where MATRIX_FAULTS names others: CI has minutes for some of them, a release for all. */
export function isChosen(fault: Fault): boolean {
  const { MATRIX_FAULTS = FAULTS.join() } = process.env;
  return MATRIX_FAULTS.split(',').includes(fault);
}

/** The cells of a row that are run. */
export function cellsToRun(name: RowName): CellToRun[] {
  const { cells }: Row = MATRIX[name];
  return FAULTS.flatMap((fault): CellToRun[] => {
    const cell = cells[fault];
    if ('told' in cell) return [{ fault, kind: 'told', reasons: cell.told }];
    if ('noted' in cell) return [{ fault, kind: 'noted', reasons: cell.noted }];
    return 'survived' in cell ? [{ fault, kind: 'survived', reasons: [] }] : [];
  });
}
