import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ConfigurationError } from '../../config';
import { CommandError } from '../command/command-error';
import { developmentToken } from '../command/development-token';
import { connect, Refused } from './connect';
import { Conversation } from './conversation';
import { Display } from './display';
import { type ChatOptions, readOptions } from './options';

export interface Terminal {
  stdin: Readable & { isTTY?: boolean };
  stdout: Writable & { isTTY?: boolean };
  stderr: Writable & { isTTY?: boolean };
  /** Aborted by Ctrl-C. */
  interrupt: AbortController;
}

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
  try {
    const conversation = new Conversation(socket, display, options.agent);
    if (options.question !== '') return await conversation.ask(options.question, terminal.interrupt.signal);
    return await converse(conversation, terminal);
  } finally {
    socket.close();
  }
}

/** Asks line by line until the input ends or Ctrl-C. */
async function converse(conversation: Conversation, { stdin, stderr, interrupt }: Terminal): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stderr, terminal: stdin.isTTY ?? false, prompt: '> ' });
  let open = true;
  const prompt = (): void => (open ? lines.prompt() : undefined);
  lines.on('close', () => (open = false)).on('SIGINT', () => interrupt.abort());
  interrupt.signal.addEventListener('abort', () => lines.close(), { once: true });
  let completed = true;
  prompt();
  for await (const line of lines) {
    if (interrupt.signal.aborted) break;
    if (line.trim() !== '') completed = await conversation.ask(line, interrupt.signal);
    prompt();
  }
  return completed;
}

/** Expected failures become sentences; a defect keeps its stack. */
function refuse(error: unknown, display: Display, { stderr }: Terminal): number {
  if (error instanceof Refused) display.failure(error.error);
  else if (error instanceof CommandError || error instanceof ConfigurationError) stderr.write(`${error.message}\n`);
  else throw error;
  return error instanceof CommandError ? error.exitCode : 1;
}
