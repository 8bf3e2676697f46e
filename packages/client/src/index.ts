export { ClarionClient } from './client';
export { ClarionError, type LocalReason } from './errors';
export type { ClientEventMap, LocalEventMap } from './listeners';
export type {
  Accepted,
  AnswerUpdate,
  ClarionClientOptions,
  ClarionRun,
  ConnectionState,
  RunOutcome,
  RunQuestion,
  SendOptions,
  TokenRequest,
} from './options';
export { memoryStore, webStore, type ClientStore, type WebStorage } from './store';
export type {
  AgentDelta,
  ConnectionEstablished,
  DurableEvent,
  DurableEventDataMap,
  DurableEventType,
  EphemeralEventMap,
  ErrorBody,
  ErrorEnvelope,
  MessageView,
  RunView,
  ThreadView,
  UserNotification,
} from '@clarion/protocol';
