import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { AppConfig, type Sections } from './app-config';
import { ConfigurationError, type ConfigurationProblem } from './configuration-error';
import { crossCheck } from './cross-checks';
import type { Setting } from './setting';
import { settings } from './settings';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads and checks the whole environment at once; an empty variable counts as unset.
 * @throws ConfigurationError with every problem found
 */
export function loadConfig(environment: Environment): AppConfig {
  const problems: ConfigurationProblem[] = [];
  const sections = Object.fromEntries(
    Object.entries(settings).map(([section, members]) => [section, readSection(members, environment, problems)]),
  ) as unknown as Sections;
  if (problems.length === 0) problems.push(...crossCheck(sections));
  if (problems.length > 0) throw new ConfigurationError(problems);
  return new AppConfig(sections);
}

/** `loadConfig` on the process's environment, with `.env` of the working directory beneath it. */
export function loadConfigFromProcess(overrides: Environment = {}): AppConfig {
  if (existsSync('.env')) loadEnvFile('.env');
  return loadConfig({ ...process.env, ...overrides });
}

function readSection(
  members: Readonly<Record<string, Setting<unknown>>>,
  environment: Environment,
  problems: ConfigurationProblem[],
): Record<string, unknown> {
  const section: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(members)) {
    const found = environment[setting.name]?.trim();
    const result = setting.schema.safeParse(found === '' ? undefined : found);
    if (result.success) section[key] = result.data;
    else problems.push(problemOf(setting, found ?? ''));
  }
  return section;
}

function problemOf(setting: Setting<unknown>, found: string): ConfigurationProblem {
  return { name: setting.name, found: setting.secret ? '(hidden)' : found.slice(0, 200), allowed: setting.allowed };
}
