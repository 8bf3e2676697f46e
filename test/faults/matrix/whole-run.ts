/** Whether nothing was chosen of what there is to run. */
export function isWhole(config: object): boolean {
  const { nonFlagArgs = [], testNamePattern = '' } = config as { nonFlagArgs?: string[]; testNamePattern?: string };
  return nonFlagArgs.length === 0 && testNamePattern === '';
}
