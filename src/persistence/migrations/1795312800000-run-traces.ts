import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RunTraces1795312800000 implements MigrationInterface {
  readonly name = 'RunTraces1795312800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "runs" ADD "traceparent" text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "runs" DROP COLUMN "traceparent"`);
  }
}
