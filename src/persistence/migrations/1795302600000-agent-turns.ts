import type { MigrationInterface, QueryRunner } from 'typeorm';

export class AgentTurns1795302600000 implements MigrationInterface {
  readonly name = 'AgentTurns1795302600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "agent_turns" ("agent" text NOT NULL, "user_id" text NOT NULL, "served_at" TIMESTAMP WITH TIME ZONE NOT NULL, CONSTRAINT "PK_agent_turns" PRIMARY KEY ("agent", "user_id"))`,
    );
    await runner.query(
      `ALTER TABLE "agent_turns" ADD CONSTRAINT "agent_turns_of_mailbox" FOREIGN KEY ("user_id") REFERENCES "mailboxes"("user_id") ON DELETE CASCADE ON UPDATE NO ACTION`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "agent_turns"`);
  }
}
