/** The version of the wire protocol that these types describe. */
export const PROTOCOL_VERSION = 1 as const;

/** The largest `content` of a message, in bytes of UTF-8. More is answered with `CONTENT_TOO_LARGE`. */
export const MAX_CONTENT_BYTES = 65_536;

/** The largest transport frame, in bytes. A larger one closes the connection without an answer (PROTOCOL.md section 2). */
export const MAX_FRAME_BYTES = 1_000_000;

/** The largest `metadata` of a message, in characters of JSON. */
export const MAX_METADATA_CHARS = 4_096;

/** The largest `value` of `input_submit`, in characters of JSON. */
export const MAX_INPUT_CHARS = 65_536;

/** The longest token at connecting or refreshing, in characters. */
export const MAX_TOKEN_CHARS = 16_384;

/** Every request is answered within this time, in milliseconds. */
export const ACK_DEADLINE_MS = 10_000;

/** The most entries that `thread_list` and `thread_history` give in one answer. */
export const MAX_PAGE_SIZE = 200;

/** The `device_id` of a connection that names none. */
export const DEFAULT_DEVICE_ID = 'default';

export const CLIENT_MESSAGE_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
export const DEVICE_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** The shape of a BCP 47 tag; longer ones than 35 characters name no locale anybody has texts for. */
export const LOCALE_PATTERN = /^(?=.{2,35}$)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;
export const AGENT_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
export const EPOCH_PATTERN = /^[A-Za-z0-9]{8,32}$/;
export const REASON_PATTERN = /^[A-Z][A-Z0-9_]*$/;
export const SUPPORT_CODE_PATTERN = /^[A-Z][A-Z0-9_]*_[0-9A-HJKMNP-TV-Z]{8}$/;
