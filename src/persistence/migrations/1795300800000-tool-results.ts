import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ToolResults1795300800000 implements MigrationInterface {
  readonly name = 'ToolResults1795300800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "tool_results" ("id" uuid NOT NULL, "thread_id" uuid NOT NULL, "run_id" uuid NOT NULL, "tool" text NOT NULL, "content" text NOT NULL, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_a38543535180179f28c5d7749ff" PRIMARY KEY ("id"))`,
    );
    await runner.query(`CREATE INDEX "tool_results_by_thread" ON "tool_results" ("thread_id")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "tool_results"`);
  }
}
