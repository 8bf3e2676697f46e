export { acquireDataDirLock, type DataDirLock } from './data-dir-lock';
export { EmbeddedPostgres, type EmbeddedPostgresInfo, type EmbeddedPostgresOptions } from './embedded-postgres';
export { EmbeddedPostgresError, type EmbeddedPostgresReason } from './embedded-postgres.error';
export { findPostgresAccount, type PostgresAccount, reachable } from './postgres-account';
export { locateBinaries, type PostgresBinaries } from './postgres-binaries';
