export { CHANNEL_NAMES } from './alert-settings';
export { AppConfig } from './app-config';
export { ConfigModule } from './config.module';
export { ConfigurationError, type ConfigurationProblem } from './configuration-error';
export { envExample } from './env-example';
export type { AssistantSettings, McpServerSettings } from './llm-settings';
export { loadConfig, loadConfigFromProcess } from './load';
