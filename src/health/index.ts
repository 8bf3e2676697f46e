export { DrainState } from './drain-state';
export { HealthModule } from './health.module';
export { HealthReport } from './health-report.service';
