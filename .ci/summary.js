'use strict';

// Prints "N passed, N failed" from Jest's results; a spec file that could not run, or no test at all, is a failure.
const text = require('node:fs').readFileSync(process.argv[2], 'utf8');
const results = text === '' ? { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 1 } : JSON.parse(text);
const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
console.log(`${results.numPassedTests} passed, ${failed} failed`);
process.exitCode = failed === 0 && results.numPassedTests > 0 ? 0 : 1;
