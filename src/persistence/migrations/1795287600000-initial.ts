import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Initial1795287600000 implements MigrationInterface {
  readonly name = 'Initial1795287600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "threads" ("id" uuid NOT NULL, "user_id" text NOT NULL, "title" text, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "updated_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_d8a74804c34fc3900502cd27275" PRIMARY KEY ("id"))`,
    );
    await runner.query(`CREATE INDEX "threads_by_user" ON "threads"  ("user_id", "updated_at") `);
    await runner.query(
      `CREATE TABLE "messages" ("id" uuid NOT NULL, "user_id" text NOT NULL, "thread_id" uuid NOT NULL, "role" text NOT NULL, "content" text NOT NULL, "client_message_id" text, "run_id" uuid, "metadata" jsonb, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "messages_once" UNIQUE ("user_id", "client_message_id"), CONSTRAINT "messages_role" CHECK ("role" IN ('user', 'assistant')), CONSTRAINT "PK_18325f38ae6de43878487eff986" PRIMARY KEY ("id"))`,
    );
    await runner.query(`CREATE INDEX "messages_by_thread" ON "messages"  ("thread_id", "created_at") `);
    await runner.query(
      `CREATE TABLE "error_records" ("support_code" text NOT NULL, "code" integer NOT NULL, "reason" text NOT NULL, "component" text NOT NULL, "severity" text NOT NULL, "fingerprint" text NOT NULL, "operation" text NOT NULL, "occurred_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "last_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "count" integer NOT NULL, "user_id" text, "thread_id" uuid, "run_id" uuid, "job_id" text, "trace_id" text, "source" text, "retry_after_ms" integer, "details" jsonb NOT NULL, "private_details" jsonb NOT NULL, "root_cause" text, "stack" text, "notify" boolean NOT NULL, "locale" text, CONSTRAINT "PK_f457c525af0c21899dd00f74d71" PRIMARY KEY ("support_code"))`,
    );
    await runner.query(`CREATE INDEX "error_records_by_reason" ON "error_records"  ("reason", "occurred_at") `);
    await runner.query(`CREATE INDEX "error_records_by_run" ON "error_records"  ("run_id") WHERE "run_id" IS NOT NULL`);
    await runner.query(
      `CREATE INDEX "error_records_by_user" ON "error_records"  ("user_id", "occurred_at") WHERE "user_id" IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX "error_records_by_time" ON "error_records"  ("occurred_at") `);
    await runner.query(
      `CREATE TABLE "mailboxes" ("user_id" text NOT NULL, "epoch" text NOT NULL, "head" bigint NOT NULL DEFAULT '0', "trimmed_to" bigint NOT NULL DEFAULT '0', "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_c1f669670cedb8c0398d5f9fe73" PRIMARY KEY ("user_id"))`,
    );
    await runner.query(
      `CREATE TABLE "mailbox_positions" ("user_id" text NOT NULL, "device_id" text NOT NULL, "position" bigint NOT NULL, "updated_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_8160bd72f8c016da1bc6ca7f252" PRIMARY KEY ("user_id", "device_id"))`,
    );
    await runner.query(
      `CREATE TABLE "mailbox_events" ("user_id" text NOT NULL, "seq" bigint NOT NULL, "type" text NOT NULL, "thread_id" uuid, "run_id" uuid, "attempt" integer, "path" text, "critical" boolean NOT NULL, "data" jsonb NOT NULL, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_4561b219f11c94d9d2a89b7437a" PRIMARY KEY ("user_id", "seq"))`,
    );
    await runner.query(
      `CREATE INDEX "mailbox_events_by_thread" ON "mailbox_events"  ("thread_id") WHERE "thread_id" IS NOT NULL`,
    );
    await runner.query(
      `CREATE TABLE "runs" ("id" uuid NOT NULL, "ordinal" bigint GENERATED ALWAYS AS IDENTITY NOT NULL, "user_id" text NOT NULL, "thread_id" uuid NOT NULL, "message_id" uuid NOT NULL, "agent" text NOT NULL, "status" text NOT NULL DEFAULT 'queued', "attempt" integer NOT NULL DEFAULT '0', "max_attempts" integer NOT NULL, "dispatch" integer NOT NULL DEFAULT '0', "dispatched_at" TIMESTAMP(3) WITH TIME ZONE, "waiting_since" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "worker_id" uuid, "fence" integer NOT NULL DEFAULT '0', "writes" integer NOT NULL DEFAULT '0', "error" jsonb, "final_content" text, "usage" jsonb, "retry_of" uuid, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "started_at" TIMESTAMP(3) WITH TIME ZONE, "finished_at" TIMESTAMP(3) WITH TIME ZONE, CONSTRAINT "runs_finished" CHECK (("finished_at" IS NOT NULL) = ("status" IN ('completed', 'failed', 'cancelled'))), CONSTRAINT "runs_status" CHECK ("status" IN ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled')), CONSTRAINT "PK_46d6a1e257c38ba58f1a3c30836" PRIMARY KEY ("id"))`,
    );
    await runner.query(`CREATE UNIQUE INDEX "runs_retry_once" ON "runs"  ("retry_of") WHERE "retry_of" IS NOT NULL`);
    await runner.query(`CREATE INDEX "runs_by_thread" ON "runs"  ("thread_id", "ordinal") `);
    await runner.query(`CREATE INDEX "runs_running_by_worker" ON "runs"  ("worker_id") WHERE "status" = 'running'`);
    await runner.query(`CREATE INDEX "runs_active_by_user" ON "runs"  ("user_id") WHERE "finished_at" IS NULL`);
    await runner.query(
      `CREATE INDEX "runs_active_by_thread" ON "runs"  ("thread_id", "ordinal") WHERE "finished_at" IS NULL`,
    );
    await runner.query(
      `CREATE TABLE "run_text" ("run_id" uuid NOT NULL, "attempt" integer NOT NULL, "index" integer NOT NULL, "text" text NOT NULL, CONSTRAINT "PK_aee6a8cb29e017cd602358e9162" PRIMARY KEY ("run_id", "attempt", "index"))`,
    );
    await runner.query(
      `CREATE TABLE "workers" ("id" uuid NOT NULL, "host" text NOT NULL, "pid" integer NOT NULL, "started_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "heartbeat_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_e950c9aba3bd84a4f193058d838" PRIMARY KEY ("id"))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "workers"`);
    await runner.query(`DROP TABLE "run_text"`);
    await runner.query(`DROP INDEX "public"."runs_active_by_thread"`);
    await runner.query(`DROP INDEX "public"."runs_active_by_user"`);
    await runner.query(`DROP INDEX "public"."runs_running_by_worker"`);
    await runner.query(`DROP INDEX "public"."runs_by_thread"`);
    await runner.query(`DROP INDEX "public"."runs_retry_once"`);
    await runner.query(`DROP TABLE "runs"`);
    await runner.query(`DROP INDEX "public"."mailbox_events_by_thread"`);
    await runner.query(`DROP TABLE "mailbox_events"`);
    await runner.query(`DROP TABLE "mailbox_positions"`);
    await runner.query(`DROP TABLE "mailboxes"`);
    await runner.query(`DROP INDEX "public"."error_records_by_time"`);
    await runner.query(`DROP INDEX "public"."error_records_by_user"`);
    await runner.query(`DROP INDEX "public"."error_records_by_run"`);
    await runner.query(`DROP INDEX "public"."error_records_by_reason"`);
    await runner.query(`DROP TABLE "error_records"`);
    await runner.query(`DROP INDEX "public"."messages_by_thread"`);
    await runner.query(`DROP TABLE "messages"`);
    await runner.query(`DROP INDEX "public"."threads_by_user"`);
    await runner.query(`DROP TABLE "threads"`);
  }
}
