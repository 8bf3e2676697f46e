/** What is killed, frozen, cut and refused, with real processes: minutes, in which the machine mostly waits. */
const base = require('./jest.config.js');

/** @type {import('jest').Config} */
module.exports = { ...base, roots: ['<rootDir>/test/faults'], testPathIgnorePatterns: ['/node_modules/'] };
