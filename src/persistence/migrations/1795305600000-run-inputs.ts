import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RunInputs1795305600000 implements MigrationInterface {
  readonly name = 'RunInputs1795305600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "run_inputs" ("id" uuid NOT NULL, "run_id" uuid NOT NULL, "key" text NOT NULL, "text_length" integer NOT NULL, "prompt" text NOT NULL, "schema" jsonb NOT NULL, "outcome" text, "value" text, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "expires_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "resolved_at" TIMESTAMP(3) WITH TIME ZONE, CONSTRAINT "run_inputs_outcome" CHECK ("outcome" IN ('submitted', 'expired', 'cancelled')), CONSTRAINT "PK_run_inputs" PRIMARY KEY ("id"))`,
    );
    await runner.query(`CREATE INDEX "run_inputs_by_run" ON "run_inputs" ("run_id")`);
    await runner.query(`CREATE UNIQUE INDEX "run_inputs_open" ON "run_inputs" ("run_id") WHERE "outcome" IS NULL`);
    await runner.query(`CREATE INDEX "run_inputs_due" ON "run_inputs" ("expires_at") WHERE "outcome" IS NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "run_inputs"`);
  }
}
