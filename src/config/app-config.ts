import { resolve } from 'node:path';
import { algorithmsOf, sourcesOf } from './auth-checks';
import type { Values } from './setting';
import type { SettingSections } from './settings';

/** The settings as they are read, before anything is derived. */
export type Sections = { readonly [S in keyof SettingSections]: Values<SettingSections[S]> };

/** The validated configuration, one section per room. Inject it by class. */
export class AppConfig {
  readonly server;
  readonly persistence;
  readonly redis;
  readonly auth;
  readonly gateway;
  readonly mailbox;
  readonly agents;
  readonly llm;
  readonly health;
  readonly errors;
  readonly recovery;
  readonly outbound;
  readonly alerts;
  readonly telemetry;

  constructor(sections: Sections) {
    const production = sections.server.nodeEnv === 'production';
    const developmentIssuer = usesDevelopmentIssuer(sections);
    const { details } = sections.health;
    this.server = {
      ...sections.server,
      production,
      servesClients: sections.server.role !== 'worker',
      runsJobs: sections.server.role !== 'gateway',
      dataDir: resolve(sections.server.dataDir),
      host: sections.server.host ?? (developmentIssuer ? '127.0.0.1' : '::'),
    };
    this.persistence = { ...sections.persistence, migrateOnStart: sections.persistence.migrateOnStart ?? !production };
    this.redis = sections.redis;
    this.auth = {
      ...sections.auth,
      jwtAlgorithms: algorithmsOf(sections.auth),
      developmentIssuer,
      leewaySeconds: 30,
    };
    this.gateway = { ...sections.gateway, allowLocalOrigins: developmentIssuer };
    this.mailbox = sections.mailbox;
    this.agents = {
      ...sections.agents,
      defaultAgent: sections.agents.defaultAgent ?? (sections.llm.baseUrl === undefined ? 'guide' : 'assistant'),
      drill: sections.agents.drillAgent || developmentIssuer,
    };
    this.llm = sections.llm;
    this.health = {
      ...sections.health,
      details: details === 'default' ? (developmentIssuer ? ('always' as const) : ('admin' as const)) : details,
    };
    this.errors = sections.errors;
    this.recovery = sections.recovery;
    this.outbound = sections.outbound;
    this.alerts = sections.alerts;
    this.telemetry = { ...sections.telemetry, tracesUrl: tracesUrlOf(sections) };
  }
}

/** Where spans go; undefined: nowhere. */
function tracesUrlOf({ telemetry: { otlpEndpoint, otlpTracesEndpoint } }: Sections): string | undefined {
  return otlpTracesEndpoint ?? (otlpEndpoint && `${otlpEndpoint.replace(/\/+$/, '')}/v1/traces`);
}

/** Without a configured issuer Clarion issues tokens itself, never in production. */
export function usesDevelopmentIssuer(sections: Sections): boolean {
  return sourcesOf(sections.auth).length === 0 && sections.server.nodeEnv !== 'production';
}
