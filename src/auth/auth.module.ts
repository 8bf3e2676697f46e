import { type DynamicModule, Module, type Provider, type Type } from '@nestjs/common';
import { AppConfig } from '../config';
import { AuthIndicator } from './auth.indicator';
import { AuthService } from './auth-service';
import { ByFormatVerifier } from './by-format.verifier';
import { DevTokenController } from './development/dev-token.controller';
import { DevelopmentIssuer } from './development/development.issuer';
import { EdwardsVerifier } from './edwards.verifier';
import { DisabledVerifier, GuardedVerifier } from './guarded.verifier';
import { PassportJwtStrategy } from './passport-jwt.strategy';
import { PassportJwtVerifier } from './passport-jwt.verifier';
import { IntrospectionVerifier } from './remote/introspection.verifier';
import { RemoteAuth } from './remote/remote-auth';
import { RevocationController } from './revocation/revocation.controller';
import { RevocationPruning } from './revocation/revocation-pruning.task';
import { RevocationStore } from './revocation/revocation.store';
import { Revocations } from './revocation/revocations.service';
import { TokenVerifier } from './token-verifier';
import { isEdwards, TrustedIssuer } from './trusted-issuer';

/** Who is calling. Global, as every edge asks; `DevelopmentIssuer` exists only where the configuration has it. */
@Module({})
export class AuthModule {
  static forRoot(config: AppConfig): DynamicModule {
    const { developmentIssuer, revocationSecrets } = config.auth;
    const issuers: Provider[] = developmentIssuer
      ? [{ provide: DevelopmentIssuer, useFactory: () => DevelopmentIssuer.open(config.server.dataDir) }]
      : [];
    const controllers: Type[] = [
      ...(developmentIssuer ? [DevTokenController] : []),
      ...(revocationSecrets.length === 0 ? [] : [RevocationController]),
    ];
    return {
      module: AuthModule,
      global: true,
      providers: [
        ...VERIFYING,
        AuthIndicator,
        AuthService,
        RevocationPruning,
        RevocationStore,
        Revocations,
        ...issuers,
      ],
      controllers,
      exports: [TokenVerifier, AuthService, Revocations, ...(developmentIssuer ? [DevelopmentIssuer] : [])],
    };
  }
}

const VERIFYING: Provider[] = [
  { provide: RemoteAuth, useFactory: (config: AppConfig) => RemoteAuth.fromConfig(config), inject: [AppConfig] },
  {
    provide: TrustedIssuer,
    useFactory: (config: AppConfig, remote: RemoteAuth) => TrustedIssuer.fromConfig(config, remote),
    inject: [AppConfig, RemoteAuth],
  },
  {
    provide: TokenVerifier,
    useFactory: (config: AppConfig, trusted: TrustedIssuer, remote: RemoteAuth, revocations: Revocations) =>
      new GuardedVerifier(verifierOf(config, trusted, remote), revocations),
    inject: [AppConfig, TrustedIssuer, RemoteAuth, Revocations],
  },
];

/** The verifier of the source of trust. */
export function verifierOf({ auth }: AppConfig, trusted: TrustedIssuer, remote: RemoteAuth): TokenVerifier {
  if (!auth.enabled) return new DisabledVerifier();
  const signed = signatureVerifierOf(trusted);
  if (remote.introspector === null) return signed;
  const asked = new IntrospectionVerifier(remote.introspector, trusted, auth);
  return remote.keys === null ? asked : new ByFormatVerifier(signed, asked);
}

function signatureVerifierOf(trusted: TrustedIssuer): TokenVerifier {
  const verifier = new PassportJwtVerifier(new PassportJwtStrategy(trusted), trusted);
  return trusted.algorithms.some(isEdwards) ? new EdwardsVerifier(verifier, trusted) : verifier;
}
