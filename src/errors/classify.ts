import { HttpException } from '@nestjs/common';
import type { Component } from '@clarion/protocol';
import { core } from 'zod';
import { ConfigurationError } from '../config';
import type { Reason } from './catalogue';
import { reasonOfRedisReply, redisReplyCode } from './classify-redis-reply';
import { reasonOfSqlstate } from './classify-sqlstate';
import { ComponentError } from './component-error';
import { errorChain, textOf } from './error-chain';
import { FALLBACK_REASONS } from './fallback-reasons';

const NETWORK_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
]);
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
/** Where a numeric status on an error is an answer to our caller, not one that we were given. */
const ANSWERING: ReadonlySet<Component> = new Set(['Factory', 'MessageHandler', 'Internal']);
const MAX_ISSUES = 10;

interface Finding {
  readonly reason: Reason;
  readonly details?: Record<string, unknown>;
}

/**
 * Gives any thrown value its reason: by type, SQLSTATE, errno code, reply of Redis and HTTP status along its chain of causes, never by words. A
 * ComponentError anywhere in the chain wins.
 * @param fallback the component in which it happened, for errors that do not say themselves
 */
export function classify(error: unknown, fallback: Component = 'Internal'): ComponentError {
  if (error instanceof ComponentError) return error;
  const chain = errorChain(error);
  const inner = chain.find((candidate) => candidate instanceof ComponentError);
  if (inner !== undefined) {
    const { reason, details, askedRetryAfterMs: asked, retryAfterMs } = inner;
    return new ComponentError(reason, { details, cause: error, ...(asked === null ? {} : { retryAfterMs }) });
  }
  for (const candidate of chain) {
    const finding = findingOf(candidate, fallback);
    if (finding !== undefined) return new ComponentError(finding.reason, { details: finding.details, cause: error });
  }
  return new ComponentError(FALLBACK_REASONS[fallback].general, { cause: error });
}

function findingOf(error: object, fallback: Component): Finding | undefined {
  if (error instanceof ConfigurationError) {
    return { reason: 'CONFIGURATION_INVALID', details: { problems: error.problems } };
  }
  if (error instanceof core.$ZodError) return { reason: 'PAYLOAD_INVALID', details: { issues: issuesOf(error) } };
  if (error instanceof HttpException) return ofAnsweredStatus(error.getStatus(), fallback);
  return ofCode(error, fallback) ?? ofRedisReply(error) ?? ofTimeout(error, fallback) ?? ofStatus(error, fallback);
}

/** Where the payload is wrong and how, but never what was sent. */
function issuesOf(error: core.$ZodError): { path: string; code: string }[] {
  return error.issues.slice(0, MAX_ISSUES).map(({ path, code }) => ({ path: path.map(String).join('.'), code }));
}

function ofCode(error: object, fallback: Component): Finding | undefined {
  const code = textOf(error, 'code');
  if (code === undefined) return undefined;
  const ofState = reasonOfSqlstate(code);
  if (ofState !== undefined) return { reason: ofState, details: databaseDetails(error, code) };
  const syscall = textOf(error, 'syscall');
  if (code === 'EADDRINUSE' && syscall === 'listen') return { reason: 'PORT_IN_USE', details: networkDetails(error) };
  if (NETWORK_CODES.has(code)) return { reason: FALLBACK_REASONS[fallback].network, details: networkDetails(error) };
  if (TIMEOUT_CODES.has(code)) return { reason: FALLBACK_REASONS[fallback].timeout, details: networkDetails(error) };
  return undefined;
}

function ofRedisReply(error: object): Finding | undefined {
  const code = redisReplyCode(error);
  return code === undefined ? undefined : { reason: reasonOfRedisReply(code), details: { reply: code } };
}

function ofTimeout(error: object, fallback: Component): Finding | undefined {
  const name = textOf(error, 'name');
  if (name !== 'AbortError' && name !== 'TimeoutError') return undefined;
  return { reason: FALLBACK_REASONS[fallback].timeout };
}

function ofStatus(error: object, fallback: Component): Finding | undefined {
  const { status, statusCode } = error as { status?: unknown; statusCode?: unknown };
  const found = [status, statusCode].find((value) => Number.isInteger(value) && (value as number) >= 400);
  if (found === undefined) return undefined;
  const given = found as number;
  if (ANSWERING.has(fallback)) return ofAnsweredStatus(given, fallback);
  const refused = given < 500 && given !== 408 && given !== 429;
  const reason = fallback === 'Dependencies' && refused ? 'PROVIDER_REJECTED' : FALLBACK_REASONS[fallback].network;
  return { reason, details: { status: given } };
}

function ofAnsweredStatus(status: number, fallback: Component): Finding {
  const details = { status };
  if (status >= 500) return { reason: FALLBACK_REASONS[fallback].general, details };
  switch (status) {
    case 401:
      return { reason: 'AUTH_TOKEN_MISSING', details };
    case 403:
      return { reason: 'AUTH_SCOPE_MISSING', details };
    case 404:
      return { reason: 'HTTP_NOT_FOUND', details };
    case 413:
      return { reason: 'CONTENT_TOO_LARGE', details };
    case 429:
      return { reason: 'RATE_LIMITED', details };
    default:
      return { reason: 'HTTP_REQUEST_INVALID', details };
  }
}

function databaseDetails(error: object, sqlstate: string): Record<string, unknown> {
  const { table, column, constraint, routine } = error as Record<string, unknown>;
  return { sqlstate, table, column, constraint, routine };
}

function networkDetails(error: object): Record<string, unknown> {
  const { code, syscall, address, hostname, port } = error as Record<string, unknown>;
  return { errno: code, syscall, address, hostname, port };
}
