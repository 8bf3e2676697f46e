import { parseArgs } from 'node:util';
import type { ComponentDetail, ComponentReport } from '@clarion/protocol';
import { z } from 'zod';
import { ask } from '../command/ask';
import { CommandError } from '../command/command-error';
import { developmentToken } from '../command/development-token';
import { serverUrl } from '../command/server-url';
import { printable } from '../lookup/lines';

const USAGE = 'Usage: npm run doctor -- [--url http://127.0.0.1:3000] [--token <token>]';

/** So many changes of a status are an outage or two. */
const FLAPPING = 4;

const NOTHING_ANSWERS = `What to do:
- Is the process there? Start it by \`npm start\`; what keeps it from starting is its last log line, with a code.
- Is it on another port or host? PORT and HOST say so; pass the address by --url.
- Does it run but not answer? Its event loop hangs: restart it. No message that was acknowledged is lost.`;

const reportSchema = z.object({
  summary: z.string(),
  failed_components: z.array(z.string()),
  component_details: z.record(z.string(), z.object({ status: z.string() })),
});

/**
 * The command `npm run doctor`. Gives its exit code: 0 where no component has failed.
 * @throws CommandError when nothing answers, or what answers is no report; ConfigurationError
 */
export async function runDoctor(args: string[], print: (line: string) => void): Promise<number> {
  const given = parse(args);
  const url = serverUrl(given.url);
  const token = given.token ?? (await operatorToken(url));
  const report = await reportOf(url, token);
  reportLines(url, report, token === null).forEach(print);
  return report.failed_components.length === 0 ? 0 : 1;
}

function parse(args: string[]) {
  const options = { url: { type: 'string' }, token: { type: 'string' } } as const;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new CommandError(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

/** Null where the server gives none: it shows the status words alone then, or does not answer at all, which comes out next. */
async function operatorToken(url: string): Promise<string | null> {
  const [token] = await Promise.allSettled([developmentToken(url, { user: 'operator', admin: true })]);
  return token.status === 'fulfilled' ? token.value : null;
}

async function reportOf(url: string, token: string | null): Promise<ComponentReport> {
  const answer = await answerOf(url, token);
  if (!answer.ok) {
    const why = answer.error === null ? '' : `: ${answer.error.reason}, support code ${answer.error.support_code}`;
    throw new CommandError(`${url} gave no health report (HTTP ${answer.status})${why}.`);
  }
  if (!reportSchema.safeParse(answer.body).success) throw new CommandError(`What answers at ${url} is not Clarion.`);
  return answer.body as ComponentReport;
}

async function answerOf(url: string, token: string | null): ReturnType<typeof ask> {
  try {
    return await ask(url, '/health/components', token);
  } catch (error) {
    throw error instanceof CommandError ? new CommandError(`${error.message}\n${NOTHING_ANSWERS}`) : error;
  }
}

function reportLines(url: string, report: ComponentReport, anonymous: boolean): string[] {
  const components = Object.entries(report.component_details);
  const lines = components.flatMap(([name, detail]) => componentLines(name, detail));
  const hint = anonymous ? ['', 'Only status words are shown without an admin token: pass one by --token.'] : [];
  return [`${url}: ${printable(report.summary)}`, '', ...lines, ...hint];
}

function componentLines(name: string, detail: ComponentDetail): string[] {
  const { status, error_code, reason, suggestion, since, latency_ms, flaps = 0 } = detail;
  const took = latency_ms === undefined ? '' : `  ${latency_ms} ms`;
  const unwell = status === 'failed' || status === 'degraded';
  const line = `${name.padEnd(12)} ${status}${took}${unwell && since !== undefined ? `  since ${since}` : ''}`;
  const often = flaps > FLAPPING ? [`    changed ${flaps} times within an hour`] : [];
  const more = [...often, ...expectedLines(detail)];
  if (!unwell || suggestion === undefined) return [line, ...more];
  const code = reason === undefined ? [] : [`    ${error_code ?? ''} ${reason}, see docs/errors/${reason}.md`];
  return [line, `    ${printable(suggestion)}`, ...code, ...more];
}

/** What will go wrong, and what was done against what did. */
function expectedLines({ warnings = [], repairs = [] }: ComponentDetail): string[] {
  return [
    ...warnings.map(({ message, suggestion }) => `    expected: ${printable(`${message}: ${suggestion}`)}`),
    ...repairs.map(({ action, attempts, succeeded, last_at }) => {
      return `    mending: ${printable(action)} tried ${attempts} times, ${succeeded} with success, last at ${last_at}`;
    }),
  ];
}
