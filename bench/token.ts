import { SignJWT } from 'jose';

/** The issuer that Clarion trusts in the benchmark. */
export const ISSUER = {
  AUTH_JWT_SECRET: 'a secret that only the benchmark knows',
  AUTH_JWT_ISSUER: 'https://bench.example.com',
  AUTH_JWT_AUDIENCE: 'clarion',
};

export function tokenFor(user: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuer(ISSUER.AUTH_JWT_ISSUER)
    .setAudience(ISSUER.AUTH_JWT_AUDIENCE)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(ISSUER.AUTH_JWT_SECRET));
}
