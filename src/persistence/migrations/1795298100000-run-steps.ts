import type { MigrationInterface, QueryRunner } from 'typeorm';

export class RunSteps1795298100000 implements MigrationInterface {
  readonly name = 'RunSteps1795298100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "run_steps" ("run_id" uuid NOT NULL, "key" text NOT NULL, "attempt" integer NOT NULL, "state" text NOT NULL, "result" text, "text_length" integer, "started_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "finished_at" TIMESTAMP(3) WITH TIME ZONE, CONSTRAINT "run_steps_state" CHECK ("state" IN ('started', 'completed')), CONSTRAINT "PK_e4e90d2d5ea5a667ad9523e0ff8" PRIMARY KEY ("run_id", "key"))`,
    );
    await runner.query(`ALTER TABLE "runs" ADD "next_attempt_at" TIMESTAMP(3) WITH TIME ZONE`);
    await runner.query(`ALTER TABLE "runs" ADD "delay_told" boolean NOT NULL DEFAULT false`);
    await runner.query(`ALTER TABLE "runs" ADD "failures" jsonb NOT NULL DEFAULT '[]'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of ['failures', 'delay_told', 'next_attempt_at'])
      await runner.query(`ALTER TABLE "runs" DROP COLUMN "${column}"`);
    await runner.query(`DROP TABLE "run_steps"`);
  }
}
