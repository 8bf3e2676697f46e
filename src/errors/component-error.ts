import type { Component } from '@clarion/protocol';
import { CATALOGUE, type Reason, type ReasonOf } from './catalogue';
import type { ReasonDefinition } from './catalogue/definition';

export interface ComponentErrorOptions {
  /** What describes this occurrence. Only keys that the catalogue marks public ever reach an end user. */
  readonly details?: Record<string, unknown>;
  /** What caused it: the standard `Error.cause`. */
  readonly cause?: unknown;
  /** In milliseconds, where this occurrence knows better than the catalogue. */
  readonly retryAfterMs?: number | null;
}

/** A failure with a precise reason. Made by the factory of its component: `ComponentError.database('DATABASE_TIMEOUT')`. */
export class ComponentError extends Error {
  override readonly name = 'ComponentError';
  readonly details: Record<string, unknown>;
  readonly retryAfterMs: number | null;
  /** What this occurrence itself asks for: a provider's `Retry-After`, say; null where only the catalogue knows. */
  readonly askedRetryAfterMs: number | null;

  constructor(
    readonly reason: Reason,
    options: ComponentErrorOptions = {},
  ) {
    const definition = CATALOGUE[reason];
    super(definition.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.details = options.details ?? {};
    this.askedRetryAfterMs = options.retryAfterMs ?? null;
    this.retryAfterMs = options.retryAfterMs === undefined ? definition.retryAfterMs : options.retryAfterMs;
  }

  /** No property of the error itself: loggers walk those, tag what looks like an error, and the catalogue is frozen. */
  get definition(): ReasonDefinition<Reason> {
    return CATALOGUE[this.reason];
  }

  static readonly authentication = factoryOf<'Authentication'>();
  static readonly factory = factoryOf<'Factory'>();
  static readonly messageHandler = factoryOf<'MessageHandler'>();
  static readonly database = factoryOf<'Database'>();
  static readonly dependencies = factoryOf<'Dependencies'>();
  static readonly redis = factoryOf<'Redis'>();
  static readonly agentSupervisor = factoryOf<'AgentSupervisor'>();
  static readonly webSocketBridge = factoryOf<'WebSocketBridge'>();
  static readonly integration = factoryOf<'Integration'>();
  static readonly internal = factoryOf<'Internal'>();
}

function factoryOf<C extends Component>() {
  const create = (reason: ReasonOf<C>, options?: ComponentErrorOptions): ComponentError => {
    const error = new ComponentError(reason, options);
    Error.captureStackTrace(error, create);
    return error;
  };
  return create;
}
