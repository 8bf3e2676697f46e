import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Params } from 'nestjs-pino';
import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { AppConfig } from '../config';
import { plainText } from './plain';
import { logFields } from './tracing';

export type { Logger } from 'pino';

/** Token of the process's one pino logger. */
export const LOGGER = Symbol('LOGGER');

const REDACTED = [
  'authorization',
  'cookie',
  'token',
  '*.authorization',
  '*.cookie',
  '*.token',
  '*.password',
  'req.headers.authorization',
  'req.headers.cookie',
  'res.headers["set-cookie"]',
];

/**
 * The process's logger: JSON lines on stdout, or pretty on a terminal in development.
 * @param destination where lines go instead of stdout
 */
export function createLogger(config: AppConfig, destination?: DestinationStream): Logger {
  return pino(
    {
      level: config.telemetry.logLevel,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: logFields,
      redact: { paths: REDACTED, censor: '[redacted]' },
    },
    destination ?? (wantsPretty(config) ? prettyStream() : undefined) ?? pino.destination({ dest: 1, sync: true }),
  );
}

/** How nestjs-pino logs HTTP requests: with an id, without secrets, and probes only when they fail. */
export function httpLogging(logger: Logger): Params {
  return {
    pinoHttp: {
      logger,
      genReqId: requestId,
      quietReqLogger: true,
      customLogLevel: (_request, response, error) =>
        error !== undefined || response.statusCode >= 500 ? 'warn' : 'debug',
      serializers: {
        req: (request: { id: unknown; method: string; url: string }) => ({
          id: request.id,
          method: request.method,
          url: plainText(request.url),
        }),
        res: (response: { statusCode: number }) => ({ status: response.statusCode }),
      },
    },
  };
}

function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

function wantsPretty(config: AppConfig): boolean {
  const { logFormat } = config.telemetry;
  if (logFormat === 'auto') return process.stdout.isTTY && !config.server.production;
  return logFormat === 'pretty';
}

/** pino-pretty is a development dependency: an image does without it, and gets JSON. */
function prettyStream(): DestinationStream | undefined {
  const load = createRequire(__filename);
  const folders = load.resolve.paths('pino-pretty') ?? [];
  if (!folders.some((folder) => existsSync(join(folder, 'pino-pretty')))) return undefined;
  const pretty = load('pino-pretty') as (options: object) => DestinationStream;
  return pretty({ sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid' });
}
