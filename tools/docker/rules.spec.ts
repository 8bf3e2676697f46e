import { checkCompose } from './compose-rules';
import { parseDockerfile } from './dockerfile';
import { checkDockerfile } from './dockerfile-rules';
import { parseYaml } from './yaml';

const SETTINGS = new Set(['NODE_ENV', 'DATA_DIR', 'PORT', 'AUTH_JWT_SECRET', 'DATABASE_URL']);
const FILES = new Set(['src', 'docker/healthcheck.js', 'dist/main.js']);

const GOOD = `# how to build it
FROM node:24-slim AS build
WORKDIR /app
COPY src src
RUN npm ci \\
    --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production DATA_DIR=/data
COPY --from=build /app/dist dist
VOLUME /data
USER 1000:1000
HEALTHCHECK --interval=10s CMD ["node", "docker/healthcheck.js"]
CMD ["node", "dist/main.js"]
`;

function problemsOf(dockerfile: string): string[] {
  return checkDockerfile(parseDockerfile(dockerfile), { settings: SETTINGS, exists: (path) => FILES.has(path) });
}

it('reads instructions over several lines, with their flags', () => {
  const [build, final] = parseDockerfile(GOOD);
  expect(build).toMatchObject({ image: 'node:24-slim', name: 'build' });
  expect(build?.instructions[2]).toEqual({ line: 5, name: 'RUN', flags: {}, text: 'npm ci      --ignore-scripts' });
  expect(final?.instructions[1]).toMatchObject({ flags: { from: 'build' }, text: '/app/dist dist' });
  expect(() => parseDockerfile('RUN true')).toThrow('line 1');
});

it('has nothing to say about a good Dockerfile', () => {
  expect(problemsOf(GOOD)).toEqual([]);
});

it.each([
  ['a base image without a version', 'FROM node:24-slim AS build', 'FROM node AS build', '2: node names no version'],
  ['a stage that is not there', 'AS build', 'AS build\nCOPY --from=other /x x', '3: no earlier stage is called other'],
  ['a source that is not there', 'COPY src src', 'COPY source src', '4: source does not exist'],
  ['ADD', 'COPY src src', 'ADD src src', '4: ADD is not used here'],
  ['npm install', 'npm ci', 'npm install', '5: npm ci installs what the lock file says'],
  [
    'the shell form',
    'CMD ["node", "dist/main.js"]',
    'CMD node dist/main.js',
    '14: node dist/main.js is not in exec form',
  ],
  [
    'a program that is not there',
    '["node", "dist/main.js"]',
    '["node", "dist/gone.js"]',
    '14: dist/gone.js does not exist',
  ],
  ['curl', '["node", "docker/healthcheck.js"]', '["curl", "localhost"]', '13: curl need not be in the image: use node'],
  ['no health check', /HEALTHCHECK.*\n/, '', 'the image wants exactly one HEALTHCHECK'],
  ['root', 'USER 1000:1000', 'USER 0', '12: USER 0 is no number other than 0'],
  ['nobody said who', 'USER 1000:1000\n', '', 'the image wants exactly one USER'],
  ['development', 'NODE_ENV=production', 'NODE_ENV=development', 'NODE_ENV is not production'],
  ['an unknown setting', 'DATA_DIR=/data', 'DATA_DIR=/data DATA_DRI=1', 'DATA_DRI is no setting of src/config'],
  ['data in the container', 'VOLUME /data', 'VOLUME /other', 'DATA_DIR is no VOLUME'],
])('finds in a Dockerfile: %s', (_what, from, to, problem) => {
  expect(problemsOf(GOOD.replace(from, to))).toEqual([problem]);
});

const COMPOSE = `
x-own: &own
  image: clarion:0.1
  read_only: true
  environment: &environment
    AUTH_JWT_SECRET: \${AUTH_JWT_SECRET:?why}
    DATABASE_URL: "postgres://clarion:\${POSTGRES_PASSWORD:?}@postgres/clarion"
services:
  postgres:
    image: postgres:18
    healthcheck: { test: [CMD, pg_isready] }
  gateway:
    <<: *own
    environment:
      <<: *environment
      PORT: '3000'
    depends_on:
      postgres: { condition: service_healthy }
`;

function composeProblems(text: string): string[] {
  return checkCompose(parseYaml(text), SETTINGS, 'clarion');
}

it('reads anchors and merges as compose does', () => {
  expect(parseYaml(COMPOSE)).toMatchObject({
    services: {
      postgres: { healthcheck: { test: ['CMD', 'pg_isready'] } },
      gateway: { image: 'clarion:0.1', environment: { AUTH_JWT_SECRET: '${AUTH_JWT_SECRET:?why}', PORT: '3000' } },
    },
  });
  expect(() => parseYaml('a: [b')).toThrow(SyntaxError);
});

it('has nothing to say about a good compose file', () => {
  expect(composeProblems(COMPOSE)).toEqual([]);
});

it.each([
  ['an image without a version', 'postgres:18', 'postgres', 'postgres: postgres names no version'],
  ['a service without health check', /healthcheck:.*/, '', 'postgres: has no health check'],
  ['a writable root', 'read_only: true', '', 'gateway: has a writable root'],
  ['an unknown setting', 'PORT:', 'PROT:', 'gateway: PROT is no setting of src/config'],
  [
    'a secret in the file',
    '${AUTH_JWT_SECRET:?why}',
    'changeme',
    'gateway: AUTH_JWT_SECRET is a secret that stands in the file',
  ],
  ['a default secret', ':?why', ':-changeme', 'gateway: AUTH_JWT_SECRET is a secret that may be unset'],
  ['a password in a URL', '${POSTGRES_PASSWORD:?}', 'pw', 'gateway: DATABASE_URL is a secret that stands in the file'],
  [
    'a start that waits for nothing',
    'service_healthy',
    'service_started',
    'gateway: does not wait until postgres is of use',
  ],
  ['a wait for nobody', 'postgres: {', 'database: {', 'gateway: waits for database, which does not exist'],
  ['a misspelt part of a service', 'healthcheck:', 'health: 1\n    healthcheck:', 'postgres: health is not used here'],
  ['a misspelt part', 'services:', 'volume:\nservices:', 'volume is no part of a compose file'],
])('finds in a compose file: %s', (_what, from, to, problem) => {
  expect(composeProblems(COMPOSE.replace(from, to))).toEqual([problem]);
});
