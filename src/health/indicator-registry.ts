import { COMPONENT_NAMES, type ComponentName } from '@clarion/protocol';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { ComponentError } from '../errors';
import { HealthIndicator } from '../telemetry';

/** Every indicator of this process: all providers of all modules that are a `HealthIndicator`. */
@Injectable()
export class IndicatorRegistry implements OnModuleInit {
  private readonly indicators = new Map<ComponentName, HealthIndicator>();

  constructor(private readonly discovery: DiscoveryService) {}

  /** @throws ComponentError CONFIGURATION_INVALID (1006) for a component that is unknown or measured twice */
  onModuleInit(): void {
    const problems: string[] = [];
    for (const indicator of this.discovered()) {
      const { component, constructor } = indicator;
      const twin = this.indicators.get(component);
      if (!COMPONENT_NAMES.includes(component))
        problems.push(`${constructor.name}: no component is called ${component}`);
      if (twin) problems.push(`${constructor.name}: ${twin.constructor.name} measures ${component} already`);
      this.indicators.set(component, indicator);
    }
    if (problems.length > 0) throw ComponentError.dependencies('CONFIGURATION_INVALID', { details: { problems } });
  }

  all(): HealthIndicator[] {
    return [...this.indicators.values()];
  }

  // A set, as an alias (useExisting) is a second provider of the same instance.
  private discovered(): Set<HealthIndicator> {
    const instances = this.discovery.getProviders().map(({ instance }): unknown => instance);
    return new Set(instances.filter((instance) => instance instanceof HealthIndicator));
  }
}
