import { parseArgs } from 'node:util';
import { type AppConfig, loadConfigFromProcess } from '../../config';

const USAGE = `Usage: npm run chat -- ["question"] [--url http://127.0.0.1:3000] [--user me] [--agent guide] [--token <token>]
Without a question it opens a conversation.`;

export interface ChatOptions {
  /** Empty: a conversation. */
  question: string;
  url: string;
  user: string;
  agent?: string;
  token?: string;
}

/** What keeps the command from its work, in a sentence for whoever called it. */
export class ChatError extends Error {
  constructor(
    message: string,
    readonly exitCode = 1,
  ) {
    super(message);
  }
}

/** @throws ChatError on unknown arguments; ConfigurationError where the URL has to come from a bad environment */
export function readOptions(args: string[]): ChatOptions {
  const { values, positionals } = parse(args);
  return {
    question: positionals.join(' ').trim(),
    url: checkedUrl(values.url ?? defaultUrl(loadConfigFromProcess())),
    user: values.user,
    agent: values.agent,
    token: values.token,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        user: { type: 'string', default: 'me' },
        agent: { type: 'string' },
        token: { type: 'string' },
      },
    });
  } catch (error) {
    throw new ChatError(`${(error as Error).message}\n${USAGE}`, 2);
  }
}

function defaultUrl({ server: { host, port } }: AppConfig): string {
  const everywhere = host === '::' || host === '0.0.0.0';
  const name = host.includes(':') ? `[${host}]` : host;
  return `http://${everywhere ? '127.0.0.1' : name}:${port}`;
}

function checkedUrl(url: string): string {
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new ChatError(`--url takes an address such as http://127.0.0.1:3000, not "${url}".`, 2);
  }
  return url;
}
