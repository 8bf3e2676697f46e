import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Revocations1795298400000 implements MigrationInterface {
  readonly name = 'Revocations1795298400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "revocations" ("kind" text NOT NULL, "value" text NOT NULL, "before" TIMESTAMP(3) WITH TIME ZONE, "expires_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "changed_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "revocations_kind" CHECK ("kind" IN ('token', 'jti', 'subject')), CONSTRAINT "PK_bab5d0b14f5d3344c39adab4e50" PRIMARY KEY ("kind", "value"))`,
    );
    await runner.query(`CREATE INDEX "revocations_changed_at" ON "revocations" ("changed_at")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "revocations"`);
  }
}
