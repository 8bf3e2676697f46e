import { parseArgs } from 'node:util';
import { CommandError } from '../command/command-error';
import { serverUrl } from '../command/server-url';

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

/** @throws CommandError on unknown arguments; ConfigurationError where the URL has to come from a bad environment */
export function readOptions(args: string[]): ChatOptions {
  const { values, positionals } = parse(args);
  return {
    question: positionals.join(' ').trim(),
    url: serverUrl(values.url),
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
    throw new CommandError(`${(error as Error).message}\n${USAGE}`, 2);
  }
}
