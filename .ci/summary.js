'use strict';

// Prints "N passed, N failed": Jest's results (*.json), where a spec file that could not run, or no test at all, is a failure,
// and whatever else has left a file <name>.passed or <name>.failed.
const { readdirSync, readFileSync } = require('node:fs');
const { extname, join } = require('node:path');

const [directory] = process.argv.slice(2);
const outcomes = readdirSync(directory).map((file) => {
  const text = readFileSync(join(directory, file), 'utf8');
  if (extname(file) !== '.json')
    return { passed: Number(file.endsWith('.passed')), failed: Number(!file.endsWith('.passed')) };
  if (text === '') return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(text);
  const none = numPassedTests === 0 ? 1 : 0;
  return { passed: numPassedTests, failed: numFailedTests + numRuntimeErrorTestSuites || none };
});
const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 && sum('passed') > 0 ? 0 : 1;
