import { loadConfigFromProcess } from '../../config';
import { CommandError } from './command-error';

/** The server that a command talks to: the one that was named, else the one that this environment would start. @throws CommandError, ConfigurationError */
export function serverUrl(given: string | undefined): string {
  const url = given ?? defaultUrl();
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new CommandError(`--url takes an address such as http://127.0.0.1:3000, not "${url}".`, 2);
  }
  return url;
}

function defaultUrl(): string {
  const { host, port } = loadConfigFromProcess().server;
  const everywhere = host === '::' || host === '0.0.0.0';
  const name = host.includes(':') ? `[${host}]` : host;
  return `http://${everywhere ? '127.0.0.1' : name}:${port}`;
}

export function unreachable(url: string): CommandError {
  return new CommandError(`Nothing answers at ${url}. Is \`npm start\` running? Another address is given by --url.`);
}
