/** Whether an image is named with its version: a digest, or a tag that begins with a number. */
export function isPinned(image: string): boolean {
  return /@sha256:[0-9a-f]{64}$/.test(image) || /:\d[\w.-]*$/.test(image);
}
