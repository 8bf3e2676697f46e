/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: '<rootDir>/test/support/code-cache-environment.js',
  roots: ['<rootDir>/src', '<rootDir>/packages', '<rootDir>/test', '<rootDir>/tools'],
  testMatch: ['**/*.spec.ts'],
  // npm run test:faults
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/faults/', '\\.faults\\.spec\\.ts$'],
  transform: {
    '^.+\\.[cm]?ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          target: 'es2023',
          keepClassNames: true,
        },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  moduleNameMapper: {
    '^@clarion/protocol$': '<rootDir>/packages/protocol/src/index.ts',
    '^@clarion/protocol/schemas$': '<rootDir>/packages/protocol/src/schemas.ts',
    '^@clarion/client$': '<rootDir>/packages/client/src/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/packages/.*/dist'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  // One more than the processors of a small machine: spec files also wait.
  maxWorkers: 3,
  testTimeout: 30_000,
};
