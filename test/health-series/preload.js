'use strict';
// Loaded into a process of Clarion before its own code (`--require`): wears it down slowly, for a recording.
const { DISTRESS: kind, DISTRESS_SECONDS: seconds = '480' } = process.env;
const began = Date.now();
const kept = [];
const share = () => (Date.now() - began) / 1000 / Number(seconds);
const noise = () => 0.5 + Math.random();

/** A leak of about 100 MB of heap over the whole time, by requests of different sizes. */
function leak() {
  const megabytes = (100 / Number(seconds)) * noise();
  for (let kb = 0; kb < megabytes * 128; kb += 1) kept.push(Array.from({ length: 1000 }, () => Math.random()));
}

/** A cache that fills in the first fifth of the time, and then lets go of as much as it takes in. */
function cache() {
  const most = 128 * 85;
  for (let kb = 0; kb < (most / Number(seconds)) * 5 * noise(); kb += 1)
    kept.push(Array.from({ length: 1000 }, () => Math.random()));
  kept.splice(0, Math.max(0, kept.length - most));
}

/** Work that takes longer and longer: at the end most of the time. */
function block() {
  const until = performance.now() + 400 * share() * noise();
  while (performance.now() < until);
}

if (kind === 'leak') setInterval(leak, 1000).unref();
if (kind === 'cache') setInterval(cache, 1000).unref();
if (kind === 'block') setInterval(block, 120).unref();
