export { Initial1795287600000 } from './1795287600000-initial';
export { AuditLog1795291800000 } from './1795291800000-audit-log';
export { DatabaseIdentity1795295400000 } from './1795295400000-database-identity';
export { BackgroundTasks1795297705199 } from './1795297705199-background-tasks';
export { RunSteps1795298100000 } from './1795298100000-run-steps';
export { Revocations1795298400000 } from './1795298400000-revocations';
export { Recovery1795299600000 } from './1795299600000-recovery';
export { ToolResults1795300800000 } from './1795300800000-tool-results';
