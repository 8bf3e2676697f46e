export { AuthModule } from './auth.module';
export { bearerToken } from './bearer';
export { DevelopmentIssuer, type TokenRequest } from './development/development.issuer';
export { ADMIN_SCOPE, isUserId, type Principal } from './principal';
export { TokenVerifier } from './token-verifier';
