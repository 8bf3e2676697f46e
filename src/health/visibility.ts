import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { ADMIN_SCOPE, bearerToken, TokenVerifier } from '../auth';
import { AppConfig } from '../config';
import { ComponentError } from '../errors';

const VERIFY_TIMEOUT_MS = 5_000;

/** Who asks, as far as `HEALTH_DETAILS` makes a difference of it. A probe carries no token and costs no verification. */
@Injectable()
export class Visibility {
  constructor(
    private readonly config: AppConfig,
    private readonly verifier: TokenVerifier,
  ) {}

  /** A token that is no admin's, or none at all any more, gives no right, and is no reason to withhold the status words. */
  async isAdmin(request: Request): Promise<boolean> {
    const token = bearerToken(request.headers);
    if (token === null || this.config.health.details !== 'admin') return false;
    const [verified] = await Promise.allSettled([this.verify(token)]);
    return verified.status === 'fulfilled' && verified.value;
  }

  /**
   * Lets those pass who may see more than status words.
   * @throws ComponentError AUTH_*, AUTH_SCOPE_MISSING
   */
  async assertDetails(request: Request): Promise<void> {
    const { details } = this.config.health;
    if (details === 'always') return;
    const admin = await this.verify(bearerToken(request.headers) ?? '');
    if (!admin || details === 'never') {
      throw ComponentError.authentication('AUTH_SCOPE_MISSING', { details: { scope: ADMIN_SCOPE } });
    }
  }

  private async verify(token: string): Promise<boolean> {
    const { admin } = await this.verifier.verify(token, AbortSignal.timeout(VERIFY_TIMEOUT_MS));
    return admin;
  }
}
