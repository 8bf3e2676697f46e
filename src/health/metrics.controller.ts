import { Controller, Get, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { MetricsRegistry } from '../telemetry';
import { Visibility } from './visibility';

/** `GET /metrics` in Prometheus' text format, for those who may see details. */
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly registry: MetricsRegistry,
    private readonly visibility: Visibility,
  ) {}

  @Get()
  async metrics(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<string> {
    await this.visibility.assertDetails(request);
    response.type(this.registry.contentType);
    return this.registry.metrics();
  }
}
