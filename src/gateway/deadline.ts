/** What reporting a failure may take while the database hangs: a save that is given up, then the spool. */
const REPORTING_MS = 700;

/** After how many milliseconds to give up, so that the report is made and the answer sent by `deadlineMs`. */
export function giveUpAfter(deadlineMs: number): number {
  return Math.max(deadlineMs - REPORTING_MS, deadlineMs / 2);
}
