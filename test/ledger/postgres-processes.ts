import { execFileSync } from 'node:child_process';
import { send } from '../../src/persistence/embedded/processes';

/** The postmaster whose command line holds `mark`, and all that it has started; empty when it does not run. */
export function postgresProcesses(mark: string): number[] {
  const lines = execFileSync('ps', ['axww', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' }).split('\n');
  const all = lines.flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+) (.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
  const postmaster = all.find(({ command }) => /postgres -D /.test(command) && command.includes(mark));
  if (postmaster === undefined) return [];
  return [postmaster.pid, ...all.filter(({ parent }) => parent === postmaster.pid).map(({ pid }) => pid)];
}

export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) send(pid, signal);
}
