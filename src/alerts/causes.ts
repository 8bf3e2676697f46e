import type { Component, ComponentName } from '@clarion/protocol';

/** Which component's failure a component's failure follows from. Of an alert about a follower nobody is told while its cause is failed. */
const CAUSES: Readonly<Record<ComponentName, readonly ComponentName[]>> = {
  environment: [],
  database: [],
  redis: [],
  auth: ['database', 'redis'],
  factory: ['database', 'redis', 'auth'],
  handler: ['database', 'redis', 'queues'],
  supervisor: ['database', 'redis', 'queues'],
  bridge: ['database', 'redis'],
  queues: ['database', 'redis'],
  tasks: ['database', 'redis', 'queues'],
  alerts: ['database', 'redis', 'queues'],
  provider: [],
};

/** Where in the health report a failure's component is found. */
const COMPONENT: Readonly<Record<Component, ComponentName | 'internal'>> = {
  Authentication: 'auth',
  Factory: 'factory',
  MessageHandler: 'handler',
  Database: 'database',
  Dependencies: 'environment',
  Redis: 'queues',
  AgentSupervisor: 'supervisor',
  WebSocketBridge: 'bridge',
  Integration: 'tasks',
  Internal: 'internal',
};

/** The component of the health report that a reason belongs to. */
export function componentOf(component: Component, reason: string): string {
  if (reason.startsWith('PROVIDER_') || reason.startsWith('MCP_')) return 'provider';
  if (reason.startsWith('REDIS_')) return 'redis';
  return COMPONENT[component];
}

/** The components whose failure explains one of this component; those furthest down first. */
export function causesOf(component: string): readonly string[] {
  // Anything may follow from the ground that it stands on, a defect too.
  return Object.hasOwn(CAUSES, component) ? CAUSES[component as ComponentName] : ['database', 'redis'];
}
