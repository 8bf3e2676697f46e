import type { ErrorBody } from '@clarion/protocol';
import { ClarionClient } from './client';
import type { ClarionClientOptions } from './options';
import { ScriptedServer } from './scripted-server.fixture';

/** A scripted server and the clients before it. */
export class ScriptedWorld {
  /** What the clients showed. */
  readonly problems: ErrorBody[] = [];
  private readonly clients: ClarionClient[] = [];

  private constructor(public server: ScriptedServer) {}

  static async start(): Promise<ScriptedWorld> {
    return new ScriptedWorld(await ScriptedServer.start());
  }

  newClient(more: Partial<ClarionClientOptions> = {}): ClarionClient {
    const client = new ClarionClient({
      url: more.url ?? this.server.url,
      token: () => 'token',
      reconnect: { minMs: 10, maxMs: 50 },
      onProblem: (_, error) => this.problems.push(error),
      ...more,
    });
    this.clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await this.server.close();
  }
}
