import type { Severity } from '@clarion/protocol';
import type { ClarionProcess } from '../../support/clarion-process';
import { PROVOKED } from './injections';
import { HOOK, type World } from './world';

/** A failure as its log line tells it. */
export interface LoggedFailure {
  readonly level: string;
  readonly support_code: string;
  readonly reason: string;
  readonly component: string;
  readonly severity: Severity;
}

/** A message of an alert, as its receiver had it. */
export interface AlertMessage {
  readonly action: 'trigger' | 'repeat' | 'acknowledge' | 'resolve';
  readonly alert_id: string;
  readonly rule: string;
  readonly component: string;
  readonly summary: string;
}

/** What a world says from now on. */
export class Observed {
  private readonly lines: ReadonlyMap<ClarionProcess, number>;
  private counted = new Map<ClarionProcess, Map<string, number>>();

  private constructor(private readonly world: World) {
    this.lines = new Map(world.processes.map((clarion) => [clarion, clarion.lines.length]));
  }

  static async begin(world: World): Promise<Observed> {
    const observed = new Observed(world);
    observed.counted = await countsOf(world);
    return observed;
  }

  /** Every failure of one process, each once. */
  failuresOf(clarion: ClarionProcess): LoggedFailure[] {
    const lines = clarion.lines.slice(this.lines.get(clarion) ?? 0);
    const failures = lines.filter((line) => 'support_code' in line && 'occurred_at' in line);
    return failures as unknown as LoggedFailure[];
  }

  get failures(): LoggedFailure[] {
    return this.world.processes.flatMap((clarion) => this.failuresOf(clarion));
  }

  /** Reason -> how often one process has counted it. */
  async countedBy(clarion: ClarionProcess): Promise<Map<string, number>> {
    const before = this.counted.get(clarion) ?? new Map<string, number>();
    const now = await countsBy(clarion);
    return new Map([...now].map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)]));
  }

  /** Messages of alerts that the webhook took, in the order in which they came, but for what a fault was provoked by. */
  get alerts(): AlertMessage[] {
    const hooked = this.world.servers.webhook.received.filter(({ path }) => path === HOOK);
    const messages = hooked.map(({ body }) => (JSON.parse(body) as { data: AlertMessage }).data);
    return messages.filter(({ summary }) => !summary.endsWith(PROVOKED));
  }
}

async function countsOf({ processes }: World): Promise<Map<ClarionProcess, Map<string, number>>> {
  return new Map(await Promise.all(processes.map(async (clarion) => [clarion, await countsBy(clarion)] as const)));
}

async function countsBy(clarion: ClarionProcess): Promise<Map<string, number>> {
  const response = await fetch(`${clarion.url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const samples = (await response.text()).matchAll(/^clarion_failures_total\{.*reason="(\w+)".*\} (\d+)$/gm);
  return new Map([...samples].map(([, reason = '', count]) => [reason, Number(count)]));
}
