import { defineReasons } from './definition';

/** 1011: last resort. Each occurrence is itself a defect: its cause deserves a reason of its own. */
export const INTERNAL = defineReasons('Internal', {
  INTERNAL_ERROR: {
    severity: 'error',
    http: 500,
    message: 'An error occurred that has no reason of its own yet',
  },
});
