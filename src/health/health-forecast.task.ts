import type { ComponentName, HealthWarning } from '@clarion/protocol';
import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config';
import { BackgroundTask } from '../errors';
import { Database } from '../persistence';
import { type Figures, type Watch, WATCHES, withAges } from './figures';
import { forecast } from './forecast';
import { PROCESS } from './process-name';
import { SampleHistory } from './sample-history';

const HISTORY = `
SELECT component, at, latency_ms, figures FROM health_samples
WHERE process = $1 AND at > now() - interval '7 hours' AND at > $2 ORDER BY at LIMIT $3`;
const MOST_ROWS = 40_000;
/** A trend has to be seen so often in a row to be told of, and not to be seen so often to be over. */
const LOOKS_TO_BEGIN = 2;
const LOOKS_TO_END = 3;

interface Sample {
  readonly component: ComponentName;
  readonly at: Date;
  readonly latency_ms: number | null;
  readonly figures: Figures;
}

/** A trend that leads to a limit, for as long as it is seen. */
interface Expected {
  readonly component: ComponentName;
  warning: HealthWarning;
  seen: number;
  unseen: number;
}

/** Tells beforehand what will fail, from what the components of this process were in the last hours. */
@Injectable()
export class HealthForecast extends BackgroundTask {
  override readonly name = 'health.forecast';
  override readonly schedule = { everyMs: 60_000, scope: 'process' } as const;
  private readonly logger = new Logger('health');
  private readonly history = new SampleHistory();
  private readonly expected = new Map<string, Expected>();
  private readTo = new Date(0);

  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {
    super();
  }

  /** What is expected of a component; from memory. */
  warnings(component: ComponentName): HealthWarning[] {
    const own = [...this.expected.values()].filter((found) => found.component === component);
    return own.filter(({ seen }) => seen >= LOOKS_TO_BEGIN).map(({ warning }) => warning);
  }

  /** While the database is away what was expected stays: nothing new is known. */
  override async run(): Promise<void> {
    if (!this.database.ready) return;
    const samples = await this.database.query<Sample>(HISTORY, [PROCESS, this.readTo, MOST_ROWS]);
    for (const sample of samples) this.add(sample);
    this.readTo = samples.at(-1)?.at ?? this.readTo;
    const latest = new Map(samples.map((sample) => [sample.component, sample]));
    for (const sample of latest.values()) this.look(sample);
  }

  private add(sample: Sample): void {
    for (const [key, { value }] of watchedIn(sample, this.config)) this.history.add(key, sample.at.getTime(), value);
  }

  private look(sample: Sample): void {
    for (const [key, { watch, figure, limit }] of watchedIn(sample, this.config)) {
      const found = forecast(this.history.points(key), limit, watch.direction);
      this.judge(sample.component, key, found && warningOf(watch, figure, limit, found));
    }
  }

  private judge(component: ComponentName, key: string, warning: HealthWarning | null): void {
    const known = this.expected.get(key);
    if (warning !== null) {
      const { seen } = known ?? { seen: 0 };
      this.expected.set(key, { component, warning, seen: seen + 1, unseen: 0 });
      if (seen + 1 === LOOKS_TO_BEGIN) this.logger.warn({ component, ...warning }, warning.message);
    } else if (known) {
      known.unseen += 1;
      if (known.unseen >= LOOKS_TO_END) this.expected.delete(key);
    }
  }
}

interface Watched {
  readonly watch: Watch;
  readonly figure: string;
  readonly value: number;
  readonly limit: number;
}

/** What of a sample is watched, by a key of its own. */
function watchedIn({ component, latency_ms, figures }: Sample, config: AppConfig): [string, Watched][] {
  const all = withAges(latency_ms === null ? figures : { ...figures, latency_ms });
  return Object.entries(all).flatMap(([figure, value]) => {
    const watch = WATCHES.find((candidate) => candidate.figure.test(figure));
    const limit = watch?.limit(all, config);
    if (watch === undefined || limit === undefined) return [];
    return [[`${component} ${figure}`, { watch, figure, value, limit }] as [string, Watched]];
  });
}

function warningOf(
  { name, unit, direction, suggestion }: Watch,
  figure: string,
  limit: number,
  { level, perHour, expectedAt }: { level: number; perHour: number; expectedAt: number },
): HealthWarning {
  const minutes = Math.max(0, Math.round((expectedAt - Date.now()) / 60_000));
  const pace = `${Math.abs(Math.round(perHour * 10) / 10)}${unit} an hour`;
  const message = `${name} ${direction} by ${pace}, from ${Math.round(level)}${unit}: ${limit}${unit} expected in ${minutes} min`;
  return { figure, value: level, limit, expected_at: new Date(expectedAt).toISOString(), message, suggestion };
}
