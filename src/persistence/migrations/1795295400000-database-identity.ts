import type { MigrationInterface, QueryRunner } from 'typeorm';

export class DatabaseIdentity1795295400000 implements MigrationInterface {
  readonly name = 'DatabaseIdentity1795295400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "database_identity" ("one" smallint NOT NULL, "system_identifier" text NOT NULL, "timeline" integer NOT NULL, "seen_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "database_identity_once" CHECK ("one" = 1), CONSTRAINT "PK_5dd836f2a1cf9accd5284f04212" PRIMARY KEY ("one"))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "database_identity"`);
  }
}
