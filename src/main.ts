import './compile-cache';
import { DevelopmentIssuer } from './auth';
import { type RunningClarion, startClarion } from './clarion';
import { type AppConfig, ConfigurationError, loadConfigFromProcess } from './config';
import { classify, ComponentError, FailureReporter } from './errors';
import { createLogger, type Logger } from './telemetry';

/** A second signal does not wait for the drain; below npm one Ctrl-C comes twice, within milliseconds. */
const EXIT_IMPATIENT = 130;
const ECHO_MS = 1_000;
const STOP_LIMIT_MS = 15_000;

async function main(): Promise<void> {
  const config = configOrExit();
  const logger = createLogger(config);
  const ending = new Ending(config, logger);
  ending.listen();
  try {
    const running = await startClarion(config, (error) => ending.fail(error), logger);
    await ending.began(running);
    if (config.auth.developmentIssuer) await greet(running);
  } catch (error) {
    ending.reportRefusal(error);
  }
}

function configOrExit(): AppConfig {
  try {
    return loadConfigFromProcess();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const { code } = ComponentError.dependencies('CONFIGURATION_INVALID').definition;
    process.stderr.write(
      `${code} CONFIGURATION_INVALID: the environment is not usable.\n\n${error.message}\n\nSee .env.example.\n`,
    );
    process.exit(1);
  }
}

/** How the process ends: by a signal, by what cannot be waited for, or by a defect. */
class Ending {
  private running: RunningClarion | null = null;
  private exitCode: number | null = null;
  private signalledAt = 0;

  constructor(
    private readonly config: AppConfig,
    private readonly logger: Logger,
  ) {}

  listen(): void {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => this.onSignal(signal));
    process.on(
      'uncaughtException',
      (error) => void this.report(error, 'process.uncaught_exception').then(() => this.fail(error)),
    );
    process.on('unhandledRejection', (error) => void this.report(error, 'process.unhandled_rejection'));
  }

  /** The start is over; a signal that came during it is obeyed now. */
  async began(running: RunningClarion): Promise<void> {
    this.running = running;
    if (this.exitCode !== null) await this.stop(running, this.exitCode);
  }

  /** The start was refused: says why and what to do. */
  reportRefusal(error: unknown): void {
    process.exitCode = 1; // also where saying why goes wrong
    const refusal = classify(error, 'Internal');
    const { code, page } = { code: refusal.definition.code, page: `docs/errors/${refusal.reason}.md` };
    process.stderr.write(
      `${code} ${refusal.reason}: ${refusal.message}\n${JSON.stringify(refusal.details)}\nWhat to do: ${page}\n`,
    );
    this.logger.fatal({ err: error, reason: refusal.reason, details: refusal.details }, 'Clarion did not start');
    process.exit(1);
  }

  /** Something that waiting cannot mend: drains and exits 1. */
  fail(error: unknown): void {
    process.exitCode = 1;
    const { reason } = classify(error, 'Internal');
    this.logger.fatal({ err: error, reason }, 'Clarion stops');
    this.end(1);
  }

  private onSignal(signal: NodeJS.Signals): void {
    if (this.exitCode !== null && performance.now() - this.signalledAt < ECHO_MS) return;
    if (this.exitCode !== null) process.exit(EXIT_IMPATIENT);
    this.signalledAt = performance.now();
    this.logger.info({ signal }, 'Stopping');
    this.end(0);
  }

  private end(exitCode: number): void {
    const first = this.exitCode === null;
    this.exitCode ??= exitCode;
    if (first && this.running) void this.stop(this.running, this.exitCode);
  }

  private async stop(running: RunningClarion, exitCode: number): Promise<void> {
    const { drainDelayMs, shutdownGraceMs } = this.config.server;
    const limit = setTimeout(() => process.exit(1), drainDelayMs + shutdownGraceMs + STOP_LIMIT_MS);
    try {
      await running.stop();
    } catch (error) {
      this.logger.error({ err: error, reason: classify(error, 'Internal').reason }, 'Stopping failed');
      process.exit(1);
    }
    clearTimeout(limit);
    process.exit(exitCode);
  }

  private async report(error: unknown, operation: string): Promise<void> {
    if (this.running) await this.running.app.get(FailureReporter).report(error, { operation, component: 'Internal' });
    else this.logger.fatal({ err: error }, operation);
  }
}

async function greet({ app, url }: RunningClarion): Promise<void> {
  const token = await app.get(DevelopmentIssuer).issue({ user: 'you', admin: true, ttlSeconds: 86_400 });
  process.stdout.write(`
Clarion listens on ${url}

  Ask it something:     npm run chat -- "What does error 1005 mean?"
  How it is:            curl ${url}/health/components
  Queues (sign in):     ${url}/admin/session
  A token (1 day):      ${token}

Development issuer: tokens for anybody who can reach this machine's loopback. Set AUTH_JWT_SECRET for anything else.

`);
}

void main();
