export { DISK_FULL } from './postmaster';
export { EmbeddedPostgres, type EmbeddedPostgresInfo, type EmbeddedPostgresOptions } from './embedded-postgres';
export { EmbeddedPostgresError, type EmbeddedPostgresReason } from './embedded-postgres.error';
export { findPostgresAccount, type PostgresAccount } from './postgres-account';
export { locateBinaries, type PostgresBinaries } from './postgres-binaries';
