export { AuthModule } from './auth.module';
export { AuthService } from './auth-service';
export { bearerToken } from './bearer';
export { DevelopmentIssuer, type TokenRequest } from './development/development.issuer';
export { ADMIN_SCOPE, SUPPORT_SCOPE, isUserId, type Principal } from './principal';
export { Revocations } from './revocation/revocations.service';
export { TokenVerifier } from './token-verifier';
