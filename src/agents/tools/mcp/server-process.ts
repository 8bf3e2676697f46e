import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type JSONRPCMessage, ReadBuffer, serializeMessage, type Transport } from '@modelcontextprotocol/client';
import { getDefaultEnvironment } from '@modelcontextprotocol/client/stdio';
import type { McpServerSettings } from '../../../config';

const GRACE_MS = 1_000;
const STDERR_KEPT = 2_000;

/** Kills the process group $1 when its standard input closes: that is our end, kill -9 included. */
const GUARD = 'read _; kill -s KILL -- "-$1" 2>/dev/null';

/**
 * An MCP server as a process of ours, spoken to over its standard streams. It leads a process group of its own, which ends with the connection,
 * and with this process however that ends.
 */
export class ServerProcess implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  /** The end of what it wrote to its standard error. */
  stderr = '';
  private child: ChildProcess | null = null;
  private guard: ChildProcess | null = null;
  private readonly buffer = new ReadBuffer();

  constructor(private readonly settings: McpServerSettings) {}

  async start(): Promise<void> {
    const { command = '', args, env, cwd } = this.settings;
    const child = spawn(command, args, {
      cwd,
      env: { ...getDefaultEnvironment(), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const exited = (): void => this.exited(child);
    child.on('error', (error) => this.onerror?.(error)).once('exit', exited);
    child.stdin.on('error', (error) => this.onerror?.(error));
    child.stdout.on('data', (chunk: Buffer) => this.receive(chunk)).on('error', (error) => this.onerror?.(error));
    child.stderr.setEncoding('utf8').on('error', (error) => this.onerror?.(error));
    child.stderr.on('data', (text: string) => (this.stderr = (this.stderr + text).slice(-STDERR_KEPT)));
    await once(child, 'spawn');
    this.child = child;
    this.guard = spawn('sh', ['-c', GUARD, 'sh', String(child.pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.guard.on('error', (error) => this.onerror?.(error));
    this.guard.stdin?.on('error', (error) => this.onerror?.(error));
  }

  /** The process id of the server while it runs. */
  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.child?.stdin;
    if (!stdin?.writable) throw new Error('the server process has ended');
    if (!stdin.write(serializeMessage(message))) await once(stdin, 'drain', { signal: AbortSignal.timeout(GRACE_MS) });
  }

  /** As the specification says: its input ends, then SIGTERM, then SIGKILL; for all that it has started, too. */
  async close(): Promise<void> {
    const { child } = this;
    if (child === null) return;
    const exited = once(child, 'exit');
    child.stdin?.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await Promise.race([exited, delay(GRACE_MS)]);
      if (this.child === null) return;
      killGroup(child, signal);
    }
    await exited;
  }

  private receive(chunk: Buffer): void {
    try {
      this.buffer.append(chunk);
      for (let message = this.buffer.readMessage(); message !== null; message = this.buffer.readMessage()) {
        this.onmessage?.(message);
      }
    } catch (error) {
      this.reportUnreadable(error);
    }
  }

  /** What it writes is not MCP, or a message too long to keep: it is not spoken to any longer. */
  private reportUnreadable(error: unknown): void {
    this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    if (this.child) killGroup(this.child, 'SIGKILL');
  }

  private exited(child: ChildProcess): void {
    this.child = null;
    // What it had started may live on.
    killGroup(child, 'SIGKILL');
    this.guard?.kill();
    this.onclose?.();
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return;
    throw error;
  }
}
