/** What is killed, frozen, cut and refused, with real processes: minutes, in which the machine mostly waits. */
const base = require('./jest.config.js');

/** @type {import('jest').Config} */
module.exports = {
  ...base,
  testMatch: ['<rootDir>/test/faults/**/*.spec.ts', '**/*.faults.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  // Their limits of time are those of a machine that is not busy otherwise.
  maxWorkers: 2,
  // Processes start and end in them.
  testTimeout: 120_000,
  globalSetup: '<rootDir>/test/faults/matrix/global-setup.ts',
  globalTeardown: '<rootDir>/test/faults/matrix/global-teardown.ts',
};
