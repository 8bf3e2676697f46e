import { NotFoundException, ServiceUnavailableException, UnsupportedMediaTypeException } from '@nestjs/common';
import type { Component } from '@clarion/protocol';
import { connect } from 'node:net';
import { once } from 'node:events';
import { z } from 'zod';
import { ConfigurationError } from '../config';
import { ReplyError } from 'ioredis';
import type { Reason } from './catalogue';
import { classify } from './classify';
import { ComponentError } from './component-error';

const withCode = (code: string, more: object = {}) => Object.assign(new Error('words do not count'), { code, ...more });
const withStatus = (status: number) => Object.assign(new Error('words do not count'), { status });

describe('classify', () => {
  it.each<[string, Reason]>([
    ['08006', 'DATABASE_UNAVAILABLE'],
    ['57P01', 'DATABASE_UNAVAILABLE'],
    ['57P03', 'DATABASE_UNAVAILABLE'],
    ['3D000', 'DATABASE_UNAVAILABLE'],
    ['57014', 'DATABASE_TIMEOUT'],
    ['55P03', 'DATABASE_TIMEOUT'],
    ['23505', 'DATABASE_CONSTRAINT'],
    ['40002', 'DATABASE_CONSTRAINT'],
    ['53300', 'DATABASE_CAPACITY'],
    ['53100', 'DATABASE_DISK_FULL'],
    ['40001', 'DATABASE_CONFLICT'],
    ['40P01', 'DATABASE_CONFLICT'],
    ['42P01', 'DATABASE_SCHEMA_OUTDATED'],
    ['42703', 'DATABASE_SCHEMA_OUTDATED'],
    ['25006', 'DATABASE_READ_ONLY'],
    ['28P01', 'DATABASE_CREDENTIALS'],
    ['42501', 'DATABASE_CREDENTIALS'],
    ['22021', 'DATABASE_QUERY_FAILED'],
    ['XX000', 'DATABASE_QUERY_FAILED'],
    ['P0001', 'DATABASE_QUERY_FAILED'],
  ])('takes SQLSTATE %s for %s, wherever it happened', (sqlstate, reason) => {
    expect(classify(withCode(sqlstate)).reason).toBe(reason);
    expect(classify(new Error('query failed', { cause: withCode(sqlstate) }), 'AgentSupervisor').reason).toBe(reason);
  });

  it.each<[string, Reason]>([
    ['LOADING Redis is loading the dataset in memory', 'REDIS_UNAVAILABLE'],
    ['MASTERDOWN Link with MASTER is down', 'REDIS_UNAVAILABLE'],
    ['BUSY Redis is busy running a script', 'REDIS_TIMEOUT'],
    ['NOAUTH Authentication required.', 'REDIS_CREDENTIALS'],
    ["NOPERM this user has no permissions to run the 'get' command", 'REDIS_CREDENTIALS'],
    ["READONLY You can't write against a read only replica.", 'REDIS_READ_ONLY'],
    ['MISCONF Redis is configured to save RDB snapshots', 'REDIS_READ_ONLY'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'REDIS_CAPACITY'],
    ['MOVED 3999 127.0.0.1:6381', 'REDIS_IS_CLUSTER'],
    ['CLUSTERDOWN Hash slot not served', 'REDIS_IS_CLUSTER'],
    ["ERR unknown command 'OOM'", 'REDIS_COMMAND_FAILED'],
  ])('takes the reply of Redis %s for %s, by its first word', (message, reason) => {
    expect(classify(new ReplyError(message)).reason).toBe(reason);
    expect(classify(new Error(message)).reason).toBe('INTERNAL_ERROR');
  });

  it.each<[string, Component | undefined, Reason]>([
    ['ECONNREFUSED', 'Database', 'DATABASE_UNAVAILABLE'],
    ['ECONNRESET', 'Database', 'DATABASE_UNAVAILABLE'],
    ['EPIPE', 'Database', 'DATABASE_UNAVAILABLE'],
    ['ENOTFOUND', 'Dependencies', 'PROVIDER_UNAVAILABLE'],
    ['ETIMEDOUT', 'Database', 'DATABASE_TIMEOUT'],
    ['ECONNREFUSED', 'Redis', 'QUEUE_UNAVAILABLE'],
    ['ECONNREFUSED', 'Authentication', 'AUTH_SERVICE_UNAVAILABLE'],
    ['ECONNRESET', 'AgentSupervisor', 'AGENT_PROVIDER_FAILED'],
    ['ETIMEDOUT', 'AgentSupervisor', 'AGENT_TIMEOUT'],
    ['EPIPE', 'WebSocketBridge', 'EVENT_DELIVERY_FAILED'],
    ['ECONNRESET', 'Factory', 'SESSION_SETUP_FAILED'],
    ['ECONNREFUSED', undefined, 'INTERNAL_ERROR'],
  ])('takes %s in %s for %s', (code, component, reason) => {
    expect(classify(withCode(code), component).reason).toBe(reason);
  });

  it('looks into the AggregateError of a refused connection to a host with several addresses', async () => {
    const socket = connect({ host: 'localhost', port: 1, autoSelectFamily: true });
    const [refused] = (await once(socket, 'error').catch((error: unknown) => [error])) as [unknown];
    expect(classify(refused, 'Database').reason).toBe('DATABASE_UNAVAILABLE');
    const both = new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')]);
    expect(classify(both, 'Redis').reason).toBe('QUEUE_UNAVAILABLE');
  });

  it('names a taken port only when we listened', () => {
    expect(classify(withCode('EADDRINUSE', { syscall: 'listen' })).reason).toBe('PORT_IN_USE');
    expect(classify(withCode('EADDRINUSE', { syscall: 'connect' })).reason).toBe('INTERNAL_ERROR');
  });

  it('lets a ComponentError win, at the top or anywhere in the chain of causes', () => {
    const precise = ComponentError.agentSupervisor('AGENT_TOOL_FAILED', {
      details: { tool: 'search' },
      retryAfterMs: 7,
    });
    expect(classify(precise, 'Database')).toBe(precise);
    const wrapped = new Error('outer', { cause: withCode('ECONNREFUSED', { cause: precise }) });
    const classified = classify(wrapped, 'Database');
    expect(classified).toMatchObject({ reason: 'AGENT_TOOL_FAILED', details: { tool: 'search' }, retryAfterMs: 7 });
    expect(classified.cause).toBe(wrapped);
  });

  it('tells where a payload is wrong, but never what was in it', () => {
    const { error } = z.object({ content: z.string().max(3), list: z.array(z.number()) }).safeParse({
      content: 'secret words',
      list: [1, 'hidden'],
    });
    const classified = classify(error, 'MessageHandler');
    expect(classified.reason).toBe('PAYLOAD_INVALID');
    expect(classified.details).toEqual({
      issues: [
        { path: 'content', code: 'too_big' },
        { path: 'list.1', code: 'invalid_type' },
      ],
    });
    expect(classified.definition.publicDetails).toContain('issues');
  });

  it.each<[unknown, Component, Reason]>([
    [new NotFoundException(), 'MessageHandler', 'HTTP_NOT_FOUND'],
    [new UnsupportedMediaTypeException(), 'MessageHandler', 'HTTP_REQUEST_INVALID'],
    [new ServiceUnavailableException(), 'MessageHandler', 'INTERNAL_ERROR'],
    [withStatus(413), 'MessageHandler', 'CONTENT_TOO_LARGE'],
    [withStatus(429), 'MessageHandler', 'RATE_LIMITED'],
    [withStatus(401), 'Dependencies', 'PROVIDER_REJECTED'],
    [withStatus(429), 'Dependencies', 'PROVIDER_UNAVAILABLE'],
    [withStatus(502), 'Dependencies', 'PROVIDER_UNAVAILABLE'],
    [withStatus(500), 'AgentSupervisor', 'AGENT_PROVIDER_FAILED'],
  ])('goes by status: %s in %s is %s', (error, component, reason) => {
    expect(classify(error, component).reason).toBe(reason);
  });

  it.each<[Component, Reason]>([
    ['Database', 'DATABASE_TIMEOUT'],
    ['AgentSupervisor', 'AGENT_TIMEOUT'],
    ['MessageHandler', 'ACK_TIMEOUT'],
    ['Factory', 'HANDSHAKE_TIMEOUT'],
  ])('takes an aborted or timed out operation in %s for %s', (component, reason) => {
    expect(classify(AbortSignal.timeout(0).reason ?? new DOMException('late', 'TimeoutError'), component).reason).toBe(
      reason,
    );
    expect(classify(new DOMException('stop', 'AbortError'), component).reason).toBe(reason);
  });

  it('keeps the problems of a bad configuration', () => {
    const problems = [{ name: 'PORT', found: 'x', allowed: 'a number' }];
    expect(classify(new ConfigurationError(problems))).toMatchObject({
      reason: 'CONFIGURATION_INVALID',
      details: { problems },
    });
  });

  it('never goes by words', () => {
    expect(classify(new Error('connect ECONNREFUSED: database timeout')).reason).toBe('INTERNAL_ERROR');
  });

  it.each<[unknown]>([['a string'], [undefined], [null], [42], [{}], [[]], [Object.create(null)]])(
    'gives %p the general reason of where it was thrown',
    (thrown) => {
      expect(classify(thrown).reason).toBe('INTERNAL_ERROR');
      expect(classify(thrown, 'AgentSupervisor').reason).toBe('AGENT_FAILED');
      expect(classify(thrown, 'Integration').reason).toBe('BACKGROUND_TASK_FAILED');
    },
  );

  it('ends with causes that go in a circle', () => {
    const first = new Error('first');
    first.cause = new Error('second', { cause: first });
    expect(classify(first).reason).toBe('INTERNAL_ERROR');
  });

  it.each([
    [undefined, 10_000, null],
    [7_000, 7_000, 7_000],
  ])(
    'tells a wait that a failure within another asks for (%s) from that of the catalogue',
    (asked, retryAfterMs, own) => {
      const limited = ComponentError.dependencies(
        'PROVIDER_RATE_LIMITED',
        asked === undefined ? {} : { retryAfterMs: asked },
      );
      const found = classify(new Error('wrapped', { cause: limited }));
      expect(found).toMatchObject({ reason: 'PROVIDER_RATE_LIMITED', retryAfterMs, askedRetryAfterMs: own });
    },
  );
});
