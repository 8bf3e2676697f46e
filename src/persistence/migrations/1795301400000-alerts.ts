import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Alerts1795301400000 implements MigrationInterface {
  readonly name = 'Alerts1795301400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "alerts" ("id" uuid NOT NULL, "rule" text NOT NULL, "group_key" text NOT NULL, "component" text NOT NULL, "severity" text NOT NULL, "status" text NOT NULL, "summary" text NOT NULL, "details" jsonb NOT NULL, "opened_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "last_seen_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "notified_at" TIMESTAMP(3) WITH TIME ZONE, "resolved_at" TIMESTAMP(3) WITH TIME ZONE, "acknowledged_by" text, "flaps" integer NOT NULL, "muted_by" text, CONSTRAINT "PK_60f895662df096bfcdfab7f4b96" PRIMARY KEY ("id"))`,
    );
    await runner.query(`CREATE INDEX "alerts_by_time" ON "alerts"  ("opened_at") `);
    await runner.query(
      `CREATE UNIQUE INDEX "alerts_open" ON "alerts"  ("rule", "group_key") WHERE "status" <> 'resolved'`,
    );
    await runner.query(
      `CREATE TABLE "alert_deliveries" ("id" uuid NOT NULL, "alert_id" uuid NOT NULL, "action" text NOT NULL, "channel" text NOT NULL, "target" text, "notice" jsonb NOT NULL, "status" text NOT NULL DEFAULT 'pending', "attempts" integer NOT NULL DEFAULT '0', "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "ended_at" TIMESTAMP(3) WITH TIME ZONE, "holder" text, "held_until" TIMESTAMP(3) WITH TIME ZONE, "support_code" text, CONSTRAINT "alert_deliveries_status" CHECK ("status" IN ('pending', 'sent', 'failed', 'cancelled')), CONSTRAINT "PK_b3d51c95891264fb62df41582ad" PRIMARY KEY ("id"))`,
    );
    await runner.query(
      `CREATE INDEX "alert_deliveries_pending" ON "alert_deliveries"  ("created_at") WHERE "status" = 'pending'`,
    );
    await runner.query(`CREATE INDEX "alert_deliveries_of_alert" ON "alert_deliveries"  ("alert_id") `);
    await runner.query(
      `CREATE TABLE "silences" ("id" uuid NOT NULL, "rule" text, "group_key" text, "author" text NOT NULL, "comment" text NOT NULL, "created_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "ends_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, CONSTRAINT "PK_b4439bdeda8c2240b661f157884" PRIMARY KEY ("id"))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "silences"`);
    await runner.query(`DROP INDEX "public"."alert_deliveries_of_alert"`);
    await runner.query(`DROP INDEX "public"."alert_deliveries_pending"`);
    await runner.query(`DROP TABLE "alert_deliveries"`);
    await runner.query(`DROP INDEX "public"."alerts_open"`);
    await runner.query(`DROP INDEX "public"."alerts_by_time"`);
    await runner.query(`DROP TABLE "alerts"`);
  }
}
