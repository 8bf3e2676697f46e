export { EmbeddedPostgresError, type EmbeddedPostgresReason } from './embedded-postgres.error';
export { locateBinaries, type PostgresBinaries } from './postgres-binaries';
export { findPostgresAccount, type PostgresAccount, reachable } from './postgres-account';
