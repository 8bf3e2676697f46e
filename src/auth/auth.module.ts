import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import type { AppConfig } from '../config';
import { AuthIndicator } from './auth.indicator';
import { DevTokenController } from './development/dev-token.controller';
import { DevelopmentIssuer } from './development/development.issuer';
import { PassportJwtStrategy } from './passport-jwt.strategy';
import { PassportJwtVerifier } from './passport-jwt.verifier';
import { TokenVerifier } from './token-verifier';
import { TrustedIssuer } from './trusted-issuer';

/** Who is calling. Global, as every edge asks; `DevelopmentIssuer` exists only where the configuration has it. */
@Module({})
export class AuthModule {
  static forRoot(config: AppConfig): DynamicModule {
    const providers: Provider[] = [
      { provide: TrustedIssuer, useFactory: () => TrustedIssuer.fromConfig(config) },
      { provide: TokenVerifier, useClass: PassportJwtVerifier },
      PassportJwtStrategy,
      AuthIndicator,
    ];
    const base = { module: AuthModule, global: true };
    if (!config.auth.developmentIssuer) return { ...base, providers, exports: [TokenVerifier] };
    const issuer = { provide: DevelopmentIssuer, useFactory: () => DevelopmentIssuer.open(config.server.dataDir) };
    return {
      ...base,
      providers: [...providers, issuer],
      controllers: [DevTokenController],
      exports: [TokenVerifier, DevelopmentIssuer],
    };
  }
}
