import { z } from 'zod';
import { DEFAULT_DEVICE_ID, DEVICE_ID_PATTERN, LOCALE_PATTERN, PROTOCOL_VERSION } from '../constants';
import { parseCursor, type Cursor } from '../cursor';
import { ACK_MODES } from '../views';
import { token } from './fields';
import { because, type SchemaReason } from './reasons';

const protocol = z
  .custom<number | string>(
    (value) => value === PROTOCOL_VERSION || value === String(PROTOCOL_VERSION),
    because('PROTOCOL_VERSION_UNSUPPORTED'),
  )
  .transform(() => PROTOCOL_VERSION)
  .default(PROTOCOL_VERSION);

const cursor = z.unknown().transform((value, context): Cursor => {
  const parsed = typeof value === 'string' ? parseCursor(value) : null;
  if (parsed !== null) return parsed;
  const reason: SchemaReason = 'CURSOR_INVALID';
  context.issues.push({ code: 'custom', input: value, params: { reason } });
  return z.NEVER;
});

const locale = z
  .string()
  .max(256)
  .transform((tag) => (LOCALE_PATTERN.test(tag) ? tag : undefined));

/** Reads a client's `HandshakeAuth` into `AcceptedHandshake`. */
export const handshakeAuthSchema = z.object({
  protocol,
  token,
  device_id: z.string().regex(DEVICE_ID_PATTERN).default(DEFAULT_DEVICE_ID),
  cursor: cursor.optional(),
  ack: z.enum(ACK_MODES).default('auto'),
  locale: locale.optional(),
});
