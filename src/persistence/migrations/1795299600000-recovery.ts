import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Recovery1795299600000 implements MigrationInterface {
  readonly name = 'Recovery1795299600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "recoveries" ("id" uuid NOT NULL, "user_id" text NOT NULL, "state" text NOT NULL DEFAULT 'waiting', "from_seq" bigint NOT NULL, "since" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "unread" integer NOT NULL, "round" integer NOT NULL DEFAULT '0', "dispatch" integer NOT NULL DEFAULT '0', "next_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "started_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "ended_at" TIMESTAMP(3) WITH TIME ZONE, CONSTRAINT "recoveries_ended" CHECK (("ended_at" IS NULL) = ("state" = 'waiting')), CONSTRAINT "recoveries_state" CHECK ("state" IN ('waiting', 'recovered', 'expired', 'abandoned')), CONSTRAINT "PK_7f7fdc38ebfdfdaa075d0ae0a1a" PRIMARY KEY ("id"))`,
    );
    await runner.query(
      `CREATE INDEX "recoveries_by_end" ON "recoveries"  ("ended_at", "state") WHERE "ended_at" IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX "recoveries_by_user" ON "recoveries"  ("user_id", "started_at") `);
    await runner.query(`CREATE INDEX "recoveries_due" ON "recoveries"  ("next_at") WHERE "ended_at" IS NULL`);
    await runner.query(
      `CREATE UNIQUE INDEX "recoveries_under_way" ON "recoveries"  ("user_id") WHERE "ended_at" IS NULL`,
    );
    await runner.query(
      `CREATE TABLE "fallback_deliveries" ("id" uuid NOT NULL, "recovery_id" uuid NOT NULL, "channel" text NOT NULL, "state" text NOT NULL DEFAULT 'pending', "to_seq" bigint NOT NULL, "round" integer NOT NULL DEFAULT '0', "dispatch" integer NOT NULL DEFAULT '0', "next_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL, "problem" jsonb, "support_code" text, "started_at" TIMESTAMP(3) WITH TIME ZONE NOT NULL DEFAULT now(), "ended_at" TIMESTAMP(3) WITH TIME ZONE, CONSTRAINT "fallback_deliveries_channel" CHECK ("channel" IN ('webhook', 'email')), CONSTRAINT "fallback_deliveries_ended" CHECK (("ended_at" IS NULL) = ("state" = 'pending')), CONSTRAINT "fallback_deliveries_state" CHECK ("state" IN ('pending', 'sent', 'failed', 'dropped')), CONSTRAINT "PK_bcf4987c6ef1d4522966bfd2cd9" PRIMARY KEY ("id"))`,
    );
    await runner.query(
      `CREATE INDEX "fallback_deliveries_by_end" ON "fallback_deliveries"  ("ended_at", "state") WHERE "ended_at" IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX "fallback_deliveries_by_recovery" ON "fallback_deliveries"  ("recovery_id") `);
    await runner.query(
      `CREATE INDEX "fallback_deliveries_due" ON "fallback_deliveries"  ("next_at") WHERE "ended_at" IS NULL`,
    );
    await runner.query(`ALTER TABLE "mailboxes" ADD "told_to" bigint NOT NULL DEFAULT '0'`);
    await runner.query(`ALTER TABLE "mailboxes" ADD "unread_since" TIMESTAMP(3) WITH TIME ZONE`);
    await runner.query(`ALTER TABLE "mailboxes" ADD "email" text`);
    await runner.query(`ALTER TABLE "mailboxes" ADD "locale" text`);
    await runner.query(
      `CREATE INDEX "mailboxes_unread" ON "mailboxes"  ("unread_since") WHERE "unread_since" IS NOT NULL`,
    );
    await runner.query(
      `ALTER TABLE "recoveries" ADD CONSTRAINT "recoveries_of_mailbox" FOREIGN KEY ("user_id") REFERENCES "mailboxes"("user_id") ON DELETE CASCADE ON UPDATE NO ACTION`,
    );
    await runner.query(
      `ALTER TABLE "fallback_deliveries" ADD CONSTRAINT "fallback_deliveries_of_recovery" FOREIGN KEY ("recovery_id") REFERENCES "recoveries"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE "fallback_deliveries" DROP CONSTRAINT "fallback_deliveries_of_recovery"`);
    await runner.query(`ALTER TABLE "recoveries" DROP CONSTRAINT "recoveries_of_mailbox"`);
    await runner.query(`DROP INDEX "public"."mailboxes_unread"`);
    await runner.query(`ALTER TABLE "mailboxes" DROP COLUMN "locale"`);
    await runner.query(`ALTER TABLE "mailboxes" DROP COLUMN "email"`);
    await runner.query(`ALTER TABLE "mailboxes" DROP COLUMN "unread_since"`);
    await runner.query(`ALTER TABLE "mailboxes" DROP COLUMN "told_to"`);
    await runner.query(`DROP INDEX "public"."fallback_deliveries_due"`);
    await runner.query(`DROP INDEX "public"."fallback_deliveries_by_recovery"`);
    await runner.query(`DROP INDEX "public"."fallback_deliveries_by_end"`);
    await runner.query(`DROP TABLE "fallback_deliveries"`);
    await runner.query(`DROP INDEX "public"."recoveries_under_way"`);
    await runner.query(`DROP INDEX "public"."recoveries_due"`);
    await runner.query(`DROP INDEX "public"."recoveries_by_user"`);
    await runner.query(`DROP INDEX "public"."recoveries_by_end"`);
    await runner.query(`DROP TABLE "recoveries"`);
  }
}
