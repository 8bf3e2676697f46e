import { choice, flag, integer, list, text, textOr, url } from './setting';

/** Every setting of Clarion, by the room that reads it. `.env.example` is generated from this. */
export const settings = {
  server: {
    nodeEnv: choice(
      'NODE_ENV',
      ['development', 'production', 'test'],
      'development',
      'production refuses every development convenience.',
    ),
    host: text('HOST', 'Address to listen on. Unset: 127.0.0.1 with the development issuer, else every interface.'),
    port: integer('PORT', 0, 65535, 3000, 'TCP port for HTTP and Socket.IO; 0 takes a free one.'),
    role: choice(
      'ROLE',
      ['all', 'gateway', 'worker'],
      'all',
      'gateway serves clients, worker advances runs, all does both. gateway and worker need DATABASE_URL and REDIS_URL.',
    ),
    dataDir: textOr(
      'DATA_DIR',
      '.clarion',
      'Directory for the embedded PostgreSQL, the failure spool and the development secret.',
    ),
    drainDelayMs: integer(
      'DRAIN_DELAY_MS',
      0,
      120_000,
      0,
      'After SIGTERM: how long to answer "not ready" before connections are told to leave (a load balancer needs about 5000).',
    ),
    shutdownGraceMs: integer(
      'SHUTDOWN_GRACE_MS',
      100,
      600_000,
      10_000,
      'After SIGTERM: how long runs may go on before they are handed over.',
    ),
  },
  persistence: {
    databaseUrl: url(
      'DATABASE_URL',
      ['postgres', 'postgresql'],
      'PostgreSQL 15 or newer. Unset: an embedded PostgreSQL in DATA_DIR.',
    ),
    poolSize: integer(
      'DATABASE_POOL_SIZE',
      2,
      500,
      20,
      'Connections of one process to PostgreSQL, without those of the queues.',
    ),
    connectTimeoutMs: integer(
      'DATABASE_CONNECT_TIMEOUT_MS',
      100,
      60_000,
      1_500,
      'How long to wait for a connection before answering 1005.',
    ),
    statementTimeoutMs: integer(
      'DATABASE_STATEMENT_TIMEOUT_MS',
      100,
      600_000,
      1_500,
      'How long one statement may take before it counts as failed.',
    ),
    migrateOnStart: flag(
      'MIGRATE_ON_START',
      null,
      'Apply pending migrations at the start. Unset: yes, but not with NODE_ENV=production, where pending migrations refuse the start.',
    ),
  },
  redis: {
    url: url(
      'REDIS_URL',
      ['redis', 'rediss'],
      'Redis 7 or newer: queues and live events between processes. Unset: one process, with its queues in PostgreSQL.',
    ),
    commandTimeoutMs: integer(
      'REDIS_COMMAND_TIMEOUT_MS',
      100,
      60_000,
      1_000,
      'How long one command may take before it counts as failed, and a connection may say nothing before it is replaced.',
    ),
  },
  auth: {
    jwtSecret: text(
      'AUTH_JWT_SECRET',
      'Shared secret of HMAC-signed tokens, 32 characters or more. Unset outside production: the development issuer.',
      { secret: true },
    ),
    jwtIssuer: text('AUTH_JWT_ISSUER', 'Required `iss` of tokens. Required with AUTH_JWT_SECRET.'),
    jwtAudience: text('AUTH_JWT_AUDIENCE', 'Required `aud` of tokens. Required with AUTH_JWT_SECRET.'),
    jwtAlgorithms: list(
      'AUTH_JWT_ALGORITHMS',
      /^HS(256|384|512)$/,
      'HS256, HS384, HS512, separated by commas',
      ['HS256'],
      'Accepted signature algorithms.',
    ),
  },
  gateway: {
    allowedOrigins: list(
      'ALLOWED_ORIGINS',
      /^https?:\/\/[^/\s]+$/,
      'origins such as https://app.example.com, separated by commas',
      [],
      'Browser origins that may connect besides the own one. With the development issuer every local origin may.',
    ),
    ackDeadlineMs: integer(
      'ACK_DEADLINE_MS',
      100,
      120_000,
      10_000,
      'Latest answer to a client event; then ACK_TIMEOUT.',
    ),
    handshakeTimeoutMs: integer('HANDSHAKE_TIMEOUT_MS', 100, 120_000, 10_000, 'Latest answer to a connecting client.'),
    pingIntervalMs: integer(
      'PING_INTERVAL_MS',
      100,
      60_000,
      10_000,
      'Heartbeat of a connection; an answered one moves an `auto` position.',
    ),
    pingTimeoutMs: integer('PING_TIMEOUT_MS', 100, 60_000, 10_000, 'How long a heartbeat may go unanswered.'),
    ackWindowMs: integer(
      'ACK_WINDOW_MS',
      100,
      600_000,
      30_000,
      'How long a client with `ack: manual` may leave a critical event unacknowledged; then its connection is closed.',
    ),
    messagesPerMinute: integer('MESSAGES_PER_MINUTE', 1, 1_000_000, 120, 'Messages one user may send in a minute.'),
    connectionsPerUser: integer('CONNECTIONS_PER_USER', 1, 10_000, 20, 'Simultaneous connections of one user.'),
  },
  mailbox: {
    retentionDays: integer('MAILBOX_RETENTION_DAYS', 1, 36_500, 30, 'Days that events stay in a mailbox.'),
    maxEvents: integer(
      'MAILBOX_MAX_EVENTS',
      10,
      100_000_000,
      100_000,
      'Events that one mailbox keeps. Those of runs that have not ended always stay.',
    ),
  },
  agents: {
    defaultAgent: textOr('DEFAULT_AGENT', 'guide', 'Agent of messages that name none.'),
    drillAgent: flag(
      'DRILL_AGENT',
      false,
      'Register the agent `drill`, which misbehaves on request. Always registered with the development issuer.',
    ),
    workerConcurrency: integer(
      'WORKER_CONCURRENCY',
      1,
      10_000,
      200,
      'Runs that one process advances at the same time.',
    ),
    runsPerUser: integer('RUNS_PER_USER', 1, 10_000, 5, 'Runs of one user that may be under way at the same time.'),
    queuedRunsPerThread: integer('QUEUED_RUNS_PER_THREAD', 1, 10_000, 20, 'Runs of one thread that may wait.'),
    maxAttempts: integer('RUN_MAX_ATTEMPTS', 1, 20, 3, 'Attempts of a run, takeovers after a crash included.'),
    totalTimeoutMs: integer(
      'RUN_TOTAL_TIMEOUT_MS',
      100,
      86_400_000,
      600_000,
      'Longest time of one attempt of a run; then AGENT_TIMEOUT.',
    ),
    queueTimeoutMs: integer(
      'RUN_QUEUE_TIMEOUT_MS',
      1_000,
      604_800_000,
      3_600_000,
      'Longest wait of a run that is next in its thread; then it fails.',
    ),
    circuitFailures: integer(
      'PROVIDER_CIRCUIT_FAILURES',
      1,
      1_000,
      5,
      'Failures in a row after which a model provider is not asked for a while; then PROVIDER_CIRCUIT_OPEN.',
    ),
    circuitOpenMs: integer(
      'PROVIDER_CIRCUIT_OPEN_MS',
      100,
      3_600_000,
      10_000,
      'After which time a provider that failed in a row is tried again, by one call.',
    ),
    workerDeadAfterMs: integer(
      'WORKER_DEAD_AFTER_MS',
      1_000,
      60_000,
      3_000,
      'Age of a heartbeat at which a worker counts as dead. Heartbeats come three times as often.',
    ),
  },
  health: {
    details: choice(
      'HEALTH_DETAILS',
      ['default', 'admin', 'always', 'never'],
      'default',
      'Who sees details in health reports and /metrics. default: always with the development issuer, else admin.',
    ),
    refreshMs: integer(
      'HEALTH_REFRESH_MS',
      100,
      60_000,
      2_000,
      'How often each component is checked in the background.',
    ),
    timeoutMs: integer('HEALTH_TIMEOUT_MS', 50, 10_000, 800, 'Longest time of one component check.'),
  },
  errors: {
    exposeRootCause: flag(
      'EXPOSE_ROOT_CAUSES',
      false,
      'Show root causes to end users. Refused with NODE_ENV=production.',
    ),
    retentionDays: integer('ERROR_RETENTION_DAYS', 1, 36_500, 30, 'Days that failure records can be looked up.'),
    spoolMaxBytes: integer(
      'SPOOL_MAX_BYTES',
      4_096,
      1_073_741_824,
      16_777_216,
      'Size limit of the file that keeps failure records while the database is down.',
    ),
  },
  outbound: {
    privateAddresses: flag(
      'OUTBOUND_PRIVATE_ADDRESSES',
      false,
      'Let webhooks go to loopback, private and link-local addresses too, for receivers on your own network.',
    ),
    timeoutMs: integer(
      'OUTBOUND_TIMEOUT_MS',
      100,
      120_000,
      10_000,
      'Longest time of one webhook or one e-mail, its answer included.',
    ),
    smtpUrl: url(
      'SMTP_URL',
      ['smtp', 'smtps'],
      'Mail server, such as smtps://user:password@mail.example.com. Unset: no e-mail is sent.',
    ),
    smtpFrom: text('SMTP_FROM', 'Sender of e-mails, such as "Chat <chat@example.com>". Required with SMTP_URL.'),
  },
  telemetry: {
    logLevel: choice(
      'LOG_LEVEL',
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'info',
      'Least severe log line that is written.',
    ),
    logFormat: choice(
      'LOG_FORMAT',
      ['auto', 'json', 'pretty'],
      'auto',
      'auto: pretty on a terminal in development, else JSON.',
    ),
  },
} as const;

export type SettingSections = typeof settings;
