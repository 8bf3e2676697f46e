'use strict';

const { defineConfig, globalIgnores } = require('eslint/config');
const tseslint = require('typescript-eslint');
const noSilentCatch = require('./tools/eslint/no-silent-catch');

const COMMANDS = ['src/cli/**/*.ts', 'scripts/**/*.ts'];
const TESTS = ['**/*.spec.ts', '**/*.fixture.ts', 'test/**/*.ts'];

const crowdedConstructor = {
  selector: 'MethodDefinition[kind="constructor"] > FunctionExpression[params.length>6]',
  message: 'A constructor takes at most 6 parameters: split the class, or group what belongs together.',
};
const environment = {
  selector: 'MemberExpression[object.name="process"][property.name="env"]',
  message: 'Only src/config reads the environment: declare a setting there and have AppConfig injected.',
};

module.exports = defineConfig([
  globalIgnores(['**/dist/', '**/coverage/', '.clarion/']),
  {
    plugins: { clarion: { rules: { 'no-silent-catch': noSilentCatch } } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
  },
  {
    name: 'everything in TypeScript',
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: __dirname } },
    rules: {
      'clarion/no-silent-catch': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', 400],
      'no-async-promise-executor': 'error',
      'no-unsafe-finally': 'error',
      'no-restricted-syntax': ['error', crowdedConstructor],
      // Files with decorators are left out by the rule itself: what a constructor injects must stay a value.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // An implementation of an asynchronous contract may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'error',
    },
  },
  {
    name: 'the product',
    files: ['src/**/*.ts', 'packages/*/src/**/*.ts'],
    ignores: TESTS,
    rules: { 'no-console': 'error', 'no-restricted-syntax': ['error', crowdedConstructor, environment] },
  },
  {
    name: 'the one reader of the environment',
    files: ['src/config/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', crowdedConstructor] },
  },
  {
    name: 'what prints to a terminal',
    files: [...COMMANDS, 'src/main.ts'],
    rules: { 'no-console': 'off', 'clarion/no-silent-catch': ['error', { processExit: true }] },
  },
  {
    name: 'tests',
    files: TESTS,
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    name: 'configuration files and our rules',
    files: ['**/*.js'],
    extends: [tseslint.configs.recommended, tseslint.configs.disableTypeChecked],
    languageOptions: { sourceType: 'commonjs' },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
]);
