import { loadConfigFromProcess } from '../config';
import { runAlertTest } from './alert-test/run-alert-test';
import { runCommand } from './command/run-command';

/** `npm run alert:test -- [channel…]` sends a test alert and its end on these channels, or on all that are configured; exits 1 when one does not take it. */
runCommand(async () =>
  runAlertTest(process.argv.slice(2), loadConfigFromProcess(), (line) => process.stdout.write(`${line}\n`)),
);
