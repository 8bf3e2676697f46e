import { Body, Controller, Headers, HttpCode, Post, type RawBodyRequest, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { AppConfig } from '../../config';
import { ComponentError } from '../../errors';
import { isUserId } from '../principal';
import type { Revocation } from './revocation';
import { Revocations } from './revocations.service';

const AHEAD_MS = 300_000;
const DAY_MS = 86_400_000;

const Moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const Past = Moment.refine((moment) => moment.getTime() <= Date.now() + AHEAD_MS);

const RevocationEvent = z.object({
  type: z.literal('token.revoked'),
  timestamp: Past,
  data: z.union([
    z.strictObject({ token_sha256: z.string().regex(/^[0-9a-f]{64}$/), expires_at: Moment.optional() }),
    z.strictObject({ jti: z.string().min(1).max(256), expires_at: Moment.optional() }),
    z.strictObject({ sub: z.string().refine(isUserId), before: Past.optional(), expires_at: Moment.optional() }),
  ]),
});

/** Mounted where AUTH_REVOCATION_SECRET is set: the issuer says which tokens do not count any more. */
@Controller('auth')
export class RevocationController {
  private readonly webhooks: readonly Webhook[];
  private readonly keepMs: number;

  constructor(
    private readonly revocations: Revocations,
    { auth }: AppConfig,
  ) {
    this.webhooks = auth.revocationSecrets.map((secret) => new Webhook(secret));
    this.keepMs = auth.revocationDays * DAY_MS;
  }

  /**
   * `POST /auth/revocations`, a Standard Webhook `{type: "token.revoked", timestamp, data}` with `data` one of `{token_sha256}`, `{jti}`
   * and `{sub, before?}`, each with `expires_at?` → 204 once it is durable. May be repeated.
   * @throws ComponentError AUTH_WEBHOOK_SIGNATURE, HTTP_REQUEST_INVALID, 1005
   */
  @Post('revocations')
  @HttpCode(204)
  async revoke(
    @Req() { rawBody }: RawBodyRequest<Request>,
    @Headers() headers: Record<string, string>,
    @Body() body: unknown,
  ): Promise<void> {
    this.assertSigned(rawBody, headers);
    const event = RevocationEvent.safeParse(body);
    if (event.success) return this.revocations.revoke(this.revocationOf(event.data));
    const issues = event.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    throw ComponentError.messageHandler('HTTP_REQUEST_INVALID', { details: { issues } });
  }

  private assertSigned(rawBody: Buffer | undefined, headers: Record<string, string>): void {
    const refusals = this.webhooks.map((webhook) => refusalOf(webhook, rawBody ?? '', headers));
    const [refusal] = refusals;
    if (!refusals.includes(null) && refusal) throw refusal;
  }

  /** Without `before` all tokens count that existed when the event was made, however often and late it is sent. */
  private revocationOf({ timestamp, data }: z.infer<typeof RevocationEvent>): Revocation {
    const expires_at = data.expires_at ?? new Date(Date.now() + this.keepMs);
    if ('token_sha256' in data) return { kind: 'token', value: data.token_sha256, before: null, expires_at };
    if ('jti' in data) return { kind: 'jti', value: data.jti, before: null, expires_at };
    return { kind: 'subject', value: data.sub, before: data.before ?? timestamp, expires_at };
  }
}

/** Null for a signature of this secret. */
function refusalOf(webhook: Webhook, rawBody: Buffer | string, headers: Record<string, string>): ComponentError | null {
  try {
    webhook.verify(rawBody, headers, { jsonParse: false });
    return null;
  } catch (cause) {
    return ComponentError.authentication('AUTH_WEBHOOK_SIGNATURE', { cause });
  }
}
