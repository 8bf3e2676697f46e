import { COMPONENT_NAMES, type ComponentDetail, type ComponentReport } from '@clarion/protocol';
import { Controller, Get, Param, Query, Req, Res, UseFilters } from '@nestjs/common';
import { HealthCheckService, HealthIndicatorService, type HealthCheckResult } from '@nestjs/terminus';
import type { Request, Response } from 'express';
import { ComponentError } from '../errors';
import { HealthReport } from './health-report.service';
import { isWell, terminusIndicators, verboseText } from './probe-answer';
import { type Check, Probes } from './probes.service';
import { TerminusResultFilter } from './terminus-result.filter';
import { Visibility } from './visibility';

interface ProbeQuery {
  readonly verbose?: unknown;
  /** Names of checks, separated by commas; may be repeated. */
  readonly exclude?: unknown;
}

const ALIVE = Object.freeze({ status: 'ok' });

/** The health endpoints of PROTOCOL.md section 7: probes in Terminus' format, or as text with `?verbose`, and the component report. */
@Controller('health')
@UseFilters(TerminusResultFilter)
export class HealthController {
  constructor(
    private readonly health: HealthReport,
    private readonly probes: Probes,
    private readonly visibility: Visibility,
    private readonly terminus: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
  ) {}

  @Get()
  async overview(@Req() request: Request): Promise<HealthCheckResult> {
    return this.check(this.probes.all(await this.visibility.isAdmin(request)));
  }

  /** Answers as long as the event loop turns. */
  @Get('live')
  live(): typeof ALIVE {
    return ALIVE;
  }

  @Get('ready')
  async ready(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @Query() query: ProbeQuery,
  ): Promise<HealthCheckResult | string> {
    const admin = await this.visibility.isAdmin(request);
    const excluded = namesIn(query.exclude);
    const checks = this.probes.ready(admin, excluded);
    if (query.verbose === undefined) return this.check(checks);
    const known = new Set(this.probes.ready(admin, []).map(({ name }) => name));
    return asText(
      response,
      'ready',
      checks,
      excluded.filter((name) => !known.has(name)),
    );
  }

  @Get('startup')
  async startup(
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
    @Query() query: ProbeQuery,
  ): Promise<HealthCheckResult | string> {
    const checks = this.probes.startup(await this.visibility.isAdmin(request));
    return query.verbose === undefined ? this.check(checks) : asText(response, 'startup', checks, []);
  }

  @Get('components')
  async components(@Req() request: Request): Promise<ComponentReport> {
    return this.health.report(await this.visibility.isAdmin(request));
  }

  @Get('components/:name')
  async component(@Req() request: Request, @Param('name') name: string): Promise<ComponentDetail> {
    const known = COMPONENT_NAMES.find((component) => component === name);
    if (known === undefined) throw ComponentError.messageHandler('HTTP_NOT_FOUND', { details: { path: request.path } });
    return this.health.component(known, await this.visibility.isAdmin(request));
  }

  private check(checks: readonly Check[]): Promise<HealthCheckResult> {
    return this.terminus.check(terminusIndicators(this.indicators, checks));
  }
}

function asText(response: Response, probe: string, checks: readonly Check[], unmatched: readonly string[]): string {
  response.status(checks.every(isWell) ? 200 : 503).type('text/plain');
  return verboseText(probe, checks, unmatched);
}

function namesIn(exclude: unknown): string[] {
  const texts = [exclude].flat().filter((text) => typeof text === 'string');
  return texts.flatMap((text) => text.split(',')).filter((name) => name !== '');
}
