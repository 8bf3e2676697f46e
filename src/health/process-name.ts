import { hostname } from 'node:os';

/** This process in `health_samples`. */
export const PROCESS = `${hostname()}:${process.pid}`;
