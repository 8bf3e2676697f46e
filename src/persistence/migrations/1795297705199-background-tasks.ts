import type { MigrationInterface, QueryRunner } from 'typeorm';

export class BackgroundTasks1795297705199 implements MigrationInterface {
  readonly name = 'BackgroundTasks1795297705199';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "background_tasks" ("name" text NOT NULL, "every_ms" integer NOT NULL, "next_due_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "last_started_at" TIMESTAMP(3) WITH TIME ZONE, "last_success_at" TIMESTAMP(3) WITH TIME ZONE, "last_failed_at" TIMESTAMP(3) WITH TIME ZONE, "consecutive_failures" integer NOT NULL DEFAULT '0', "failing_since" TIMESTAMP(3) WITH TIME ZONE, "support_code" text, "holder" text, "held_until" TIMESTAMP(3) WITH TIME ZONE, "rescheduled_at" TIMESTAMP(3) WITH TIME ZONE, CONSTRAINT "PK_ae9c92695da8e472379d8ac450b" PRIMARY KEY ("name"))`,
    );
    await runner.query(
      `CREATE TABLE "health_samples" ("component" text NOT NULL, "process" text NOT NULL, "at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "status" text NOT NULL, "latency_ms" integer, "figures" jsonb NOT NULL, CONSTRAINT "PK_d3a50f73b76fcedbc25c932aa81" PRIMARY KEY ("component", "process", "at"))`,
    );
    await runner.query(`CREATE INDEX "health_samples_by_time" ON "health_samples"  ("at") `);
    await runner.query(
      `CREATE TABLE "failure_statistics" ("hour" TIMESTAMP(0) WITH TIME ZONE NOT NULL, "reason" text NOT NULL, "component" text NOT NULL, "count" integer NOT NULL, CONSTRAINT "PK_5679e3b1f740103e0fcef95acb9" PRIMARY KEY ("hour", "reason", "component"))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "failure_statistics"`);
    await runner.query(`DROP INDEX "public"."health_samples_by_time"`);
    await runner.query(`DROP TABLE "health_samples"`);
    await runner.query(`DROP TABLE "background_tasks"`);
  }
}
