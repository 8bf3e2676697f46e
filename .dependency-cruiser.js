'use strict';

/** The rows of docs/ARCHITECTURE.md: a room imports from the rows below its own and, in the ground row, only rightwards. */
const EDGES = ['gateway', 'queues', 'admin', 'health'];
const FEATURES = ['agents', 'recovery', 'auth', 'tasks', 'alerts'];
const GROUND = ['mailbox', 'redis', 'persistence', 'outbound', 'errors', 'telemetry', 'config'];
const ROOMS = [...EDGES, ...FEATURES, ...GROUND];

const TESTS = '\\.(spec|fixture)\\.ts$';
const folders = (names) => `^src/(${names.join('|')})/`;

function roomsBelow(room) {
  if (EDGES.includes(room)) return [...FEATURES, ...GROUND];
  if (FEATURES.includes(room)) return GROUND;
  return GROUND.slice(GROUND.indexOf(room) + 1);
}

function direction(room) {
  const reachable = new Set([room, ...roomsBelow(room)]);
  return {
    name: `direction-${room}`,
    comment: `${room} imports only from the rooms below it (docs/ARCHITECTURE.md)`,
    from: { path: `^src/${room}/`, pathNot: TESTS },
    to: { path: folders(ROOMS.filter((other) => !reachable.has(other))) },
  };
}

const rules = [
  ...ROOMS.map(direction),
  {
    name: 'room-by-index',
    comment: 'Another room is imported by its index.ts only',
    from: { path: '^src/([^/]+)/', pathNot: ['^src/cli/', TESTS] },
    to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
  },
  {
    name: 'known-room',
    comment: 'A new room gets its place in docs/ARCHITECTURE.md and in the rows of this file',
    from: { path: '^src/[^/]+/', pathNot: [folders(ROOMS), '^src/cli/'] },
    to: {},
  },
  {
    name: 'wiring-on-top',
    comment: 'What wires the rooms is imported by no room',
    from: { path: folders(ROOMS), pathNot: TESTS },
    to: { path: '^src/(cli/|[^/]+\\.ts$)' },
  },
  {
    name: 'no-circle',
    comment: 'Files import each other in one direction, types included',
    from: {},
    to: { circular: true },
  },
  {
    name: 'product-without-tests',
    comment: 'The product does not know its tests and tools',
    from: { path: '^(src|packages)/', pathNot: TESTS },
    to: { path: [TESTS, '^(test|tools|scripts|bench)/'] },
  },
  {
    name: 'protocol-alone',
    comment: 'packages/protocol imports nothing else of ours',
    from: { path: '^packages/protocol/' },
    to: { path: '^(src|test|web|packages/(?!protocol/))' },
  },
  {
    name: 'client-on-protocol',
    comment: 'packages/client imports packages/protocol and nothing else of ours',
    from: { path: '^packages/client/', pathNot: TESTS },
    to: { path: '^(src|test|web|packages/(?!(client|protocol)/))' },
  },
  {
    name: 'resolvable',
    comment: 'An import that cannot be resolved would escape every other rule',
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: 'shipped-dependencies',
    comment: 'What the product imports is installed with it: not a development dependency',
    from: { path: '^(src|packages/[^/]+/src)/', pathNot: TESTS },
    to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: rules.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'require', 'node', 'default'],
    },
  },
};
