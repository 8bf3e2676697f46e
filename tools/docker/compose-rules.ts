import { isPinned } from './image';
import type { YamlValue } from './yaml';

type Mapping = { [key: string]: YamlValue };

const TOP_LEVEL = new Set(['name', 'services', 'volumes', 'networks', 'secrets', 'configs']);
const SERVICE = new Set(
  'build cap_drop command depends_on deploy env_file environment healthcheck image ports read_only restart security_opt stop_grace_period tmpfs volumes'.split(
    ' ',
  ),
);
const SECRET = /PASSWORD|SECRET|TOKEN|_KEY$/;
const WAITS = new Set(['service_healthy', 'service_completed_successfully']);

/**
 * What is wrong with a compose file, one line each; nothing when all is well.
 * @param own the image that is built here: it brings a health check, and its environment must be settings of src/config
 */
export function checkCompose(file: YamlValue, settings: ReadonlySet<string>, own: string): string[] {
  const top = asMapping(file);
  const services = asMapping(top['services']);
  const unknown = Object.keys(top).filter((key) => !TOP_LEVEL.has(key) && !key.startsWith('x-'));
  return [
    ...unknown.map((key) => `${key} is no part of a compose file`),
    ...Object.entries(services).flatMap(([name, value]) =>
      checkService(asMapping(value), services, settings, own).map((problem) => `${name}: ${problem}`),
    ),
  ];
}

function checkService(service: Mapping, services: Mapping, settings: ReadonlySet<string>, own: string): string[] {
  const image = asText(service['image']);
  const isOwn = image.startsWith(`${own}:`);
  const environment = asMapping(service['environment']);
  const problems = [...checkSecrets(service), ...checkWaits(service, services)];
  problems.push(
    ...Object.keys(service)
      .filter((key) => !SERVICE.has(key))
      .map((key) => `${key} is not used here`),
  );
  if (!isPinned(image)) problems.push(`${image} names no version`);
  if (!isOwn && !('healthcheck' in service)) problems.push('has no health check');
  if (isOwn) {
    if (service['read_only'] !== 'true') problems.push('has a writable root');
    const unknown = Object.keys(environment).filter((key) => !settings.has(key));
    problems.push(...unknown.map((key) => `${key} is no setting of src/config`));
  }
  return problems;
}

/** A secret comes from outside, and without one nothing starts: `${NAME:?why}`. */
function checkSecrets(service: Mapping): string[] {
  const references = [...JSON.stringify(service).matchAll(/\$\{(\w+)([^}]*)\}/g)];
  const optional = references.filter(([, name = '', rest = '']) => SECRET.test(name) && !rest.startsWith(':?'));
  const literal = Object.entries(asMapping(service['environment'])).filter(([key, value]) => {
    const text = asText(value);
    return (SECRET.test(key) || /:\/\/[^/]*@/.test(text)) && !text.includes('${');
  });
  return [
    ...literal.map(([key]) => `${key} is a secret that stands in the file`),
    ...optional.map(([, name]) => `${name} is a secret that may be unset`),
  ];
}

function checkWaits(service: Mapping, services: Mapping): string[] {
  return Object.entries(asMapping(service['depends_on'])).flatMap(([name, how]) => {
    if (!(name in services)) return [`waits for ${name}, which does not exist`];
    return WAITS.has(asText(asMapping(how)['condition'])) ? [] : [`does not wait until ${name} is of use`];
  });
}

function asMapping(value: YamlValue | undefined): Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function asText(value: YamlValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
