import { runCommand } from './command/run-command';
import { runLookup } from './lookup/run-lookup';

/** `npm run lookup -- <support code | run id>` prints the whole story of a failure, or the life of a run. */
runCommand(() => runLookup(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`)));
