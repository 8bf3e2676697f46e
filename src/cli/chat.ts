import { runChat } from './chat/run-chat';

/** `npm run chat -- "question"` talks to an agent from the terminal; without a question it opens a conversation. */

const interrupt = new AbortController();
// Once: a second Ctrl-C ends the process as usual.
process.once('SIGINT', () => interrupt.abort());
// Whoever reads the answer has gone (`| head`): there is nothing left to do.
process.stdout.on('error', () => process.exit(1));

const { stdin, stdout, stderr } = process;
void runChat(process.argv.slice(2), { stdin, stdout, stderr, interrupt }).then((code) => {
  process.exitCode = code;
  stdin.destroy();
});
