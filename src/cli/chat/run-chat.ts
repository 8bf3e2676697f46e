import { ConfigurationError } from '../../config';
import { CommandError } from '../command/command-error';
import { developmentToken } from '../command/development-token';
import { connect, Refused } from './connect';
import { Conversation } from './conversation';
import { Display } from './display';
import { Lines, type Terminal } from './lines';
import { type ChatOptions, readOptions } from './options';

/** The command `npm run chat`. Gives its exit code: 0 where the (last) answer was completed. */
export async function runChat(args: string[], terminal: Terminal): Promise<number> {
  const display = new Display(terminal.stdout, terminal.stderr);
  try {
    const options = readOptions(args);
    return (await talk(options, display, terminal)) ? 0 : 1;
  } catch (error) {
    return refuse(error, display, terminal);
  }
}

async function talk(options: ChatOptions, display: Display, terminal: Terminal): Promise<boolean> {
  const socket = await connect(options.url, options.token ?? (await developmentToken(options.url, options)));
  const lines = new Lines(terminal);
  try {
    const conversation = new Conversation(socket, display, lines, options.agent);
    if (options.question !== '') return await conversation.ask(options.question, terminal.interrupt.signal);
    return await converse(conversation, lines, terminal);
  } finally {
    lines.close();
    socket.close();
  }
}

/** Asks line by line until the input ends or Ctrl-C. */
async function converse(conversation: Conversation, lines: Lines, { interrupt }: Terminal): Promise<boolean> {
  let completed = true;
  for (;;) {
    const line = await lines.next('> ', interrupt.signal);
    if (line === null) return completed;
    if (line.trim() !== '') completed = await conversation.ask(line, interrupt.signal);
  }
}

/** Expected failures become sentences; a defect keeps its stack. */
function refuse(error: unknown, display: Display, { stderr }: Terminal): number {
  if (error instanceof Refused) display.failure(error.error);
  else if (error instanceof CommandError || error instanceof ConfigurationError) stderr.write(`${error.message}\n`);
  else throw error;
  return error instanceof CommandError ? error.exitCode : 1;
}
