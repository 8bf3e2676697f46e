import { ClarionProcess, type ProcessOptions } from '../support/clarion-process';

const LOOK_EVERY_MS = 50;

/** The place of one process of Clarion in a deployment: it is killed, and another one takes the place. */
export class Node {
  /** Ends that nobody has asked for. */
  readonly unexpectedEnds: string[] = [];
  private readonly processes: ClarionProcess[] = [];
  private asked = false;

  private constructor(
    readonly name: string,
    private readonly options: ProcessOptions,
    private process: ClarionProcess,
  ) {
    this.watch(process);
  }

  static async start(name: string, options: ProcessOptions): Promise<Node> {
    return new Node(name, options, await ClarionProcess.start(options));
  }

  /** The process that has the place now. */
  get current(): ClarionProcess {
    return this.process;
  }

  get port(): number {
    return this.process.port;
  }

  signal(signal: NodeJS.Signals): void {
    this.process.signal(signal);
  }

  async kill(): Promise<void> {
    this.asked = true;
    this.process.signal('SIGKILL');
    await this.process.exit();
  }

  /** Begins the next process; waits for nothing. */
  async restart(port = this.port): Promise<ClarionProcess> {
    const { dataDir } = this.process;
    this.process = await ClarionProcess.spawn({ ...this.options, dataDir, port });
    this.asked = false;
    this.watch(this.process);
    return this.process;
  }

  /** SIGTERM, and a new start when it has ended. */
  async restartInOrder(): Promise<void> {
    this.asked = true;
    const code = await this.process.stop();
    if (code !== 0) this.unexpectedEnds.push(`SIGTERM ended ${this.name} with ${code}`);
    await this.restart();
  }

  /** What ends from now on was asked to. */
  release(): void {
    this.asked = true;
  }

  log(): string {
    return this.processes.map(({ pid, output }) => `-- ${this.name}, process ${pid} --\n${output}`).join('\n');
  }

  async dispose(): Promise<void> {
    this.release();
    this.signal('SIGCONT');
    await this.process.dispose();
  }

  /** A process that ends without being asked to is a difference, and is started again as an orchestrator would. */
  private watch(process: ClarionProcess): void {
    this.processes.push(process);
    const look = setInterval(() => {
      if (!process.exited) return;
      clearInterval(look);
      if (this.asked || process !== this.process) return;
      this.unexpectedEnds.push(`${this.name} ended by itself: ${process.output.slice(-2_000)}`);
      void this.restart();
    }, LOOK_EVERY_MS).unref();
  }
}
