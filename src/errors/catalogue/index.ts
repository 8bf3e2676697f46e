import type { Component } from '@clarion/protocol';
import { AGENT_SUPERVISOR } from './agent-supervisor';
import { AUTHENTICATION } from './authentication';
import { DATABASE } from './database';
import type { ReasonDefinition } from './definition';
import { DEPENDENCIES } from './dependencies';
import { FACTORY } from './factory';
import { INTEGRATION } from './integration';
import { INTERNAL } from './internal';
import { MESSAGE_HANDLER } from './message-handler';
import { REDIS } from './redis';
import { WEB_SOCKET_BRIDGE } from './web-socket-bridge';

const REASONS = {
  ...AUTHENTICATION,
  ...FACTORY,
  ...MESSAGE_HANDLER,
  ...DATABASE,
  ...DEPENDENCIES,
  ...REDIS,
  ...AGENT_SUPERVISOR,
  ...WEB_SOCKET_BRIDGE,
  ...INTEGRATION,
  ...INTERNAL,
};

/** The stable name of one precise cause. */
export type Reason = keyof typeof REASONS;

/** The reasons that belong to one component. */
export type ReasonOf<C extends Component> = {
  [R in Reason]: (typeof REASONS)[R]['component'] extends C ? R : never;
}[Reason];

/** Every reason with all that is fixed about it. */
export const CATALOGUE: { readonly [R in Reason]: ReasonDefinition<R> } = REASONS;

export const ALL_REASONS = Object.keys(CATALOGUE) as Reason[];

export function isReason(name: string): name is Reason {
  return Object.hasOwn(CATALOGUE, name);
}
