import { runCommand } from './command/run-command';
import { runDoctor } from './doctor/run-doctor';

/** `npm run doctor` prints how every component is and what to do about it; exits 1 when one has failed. */
runCommand(() => runDoctor(process.argv.slice(2), (line) => process.stdout.write(`${line}\n`)));
