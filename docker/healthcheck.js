'use strict';

/** `node docker/healthcheck.js [path]`: exits 0 when the process beside it answers the path with 200; the image has no curl. */
async function main(path = '/health/live') {
  const port = process.env.PORT || 3000;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(2_500) });
  if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`);
}

void main(process.argv[2]);
