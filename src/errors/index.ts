export { bodyOfRecord } from './body';
export { ALL_REASONS, CATALOGUE, isReason, type Reason, type ReasonOf } from './catalogue';
export type { ReasonDefinition } from './catalogue/definition';
export { userText } from './catalogue/texts';
export { classify } from './classify';
export { ComponentError, type ComponentErrorOptions } from './component-error';
export { FailureRecordStore, type FailureFilter, type FailureRecord } from './failure-record';
export { FailureReporter, type Failure, type FailureContext } from './failure-reporter';
export { PeriodicLoop } from './periodic-loop';
