import type { MigrationInterface, QueryRunner } from 'typeorm';

export class LookUps1795303800000 implements MigrationInterface {
  readonly name = 'LookUps1795303800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "runs" ADD "leases" jsonb NOT NULL DEFAULT '[]'`);
    await runner.query(`ALTER TABLE "error_records" ADD "health" jsonb`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "error_records" DROP COLUMN "health"`);
    await runner.query(`ALTER TABLE "runs" DROP COLUMN "leases"`);
  }
}
