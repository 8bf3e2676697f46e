import { Injectable } from '@nestjs/common';
import { RunStore } from '../agents';
import { AppConfig } from '../config';
import { FailureReporter } from '../errors';
import { LogReader, PositionsStore } from '../mailbox';
import { GatewayMetrics } from './gateway-metrics';

/** What every connection reads from and reports to. */
@Injectable()
export class ConnectionStores {
  constructor(
    readonly log: LogReader,
    readonly positions: PositionsStore,
    readonly runs: RunStore,
    readonly reporter: FailureReporter,
    readonly config: AppConfig,
    readonly metrics: GatewayMetrics,
  ) {}
}
