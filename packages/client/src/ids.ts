/** A new `client_message_id`: 128 random bits. `crypto.randomUUID` exists only where a page is served securely. */
export function newMessageId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
