import type { ChildProcess } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';
import { poll } from '../system/poll.js';

/** How an agent's process ended. */
export interface AgentExit {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The program to run on a host as its agent. */
export interface AgentCommand {
  /** Program and arguments. */
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** The file that it writes once it is ready, in the form of flannel's subnet.env. */
  readonly subnetFile: string;
  /** Where its output goes. */
  readonly logFile: string;
  /** The port on 127.0.0.1, inside the host, where it answers `/readyz`; absent: it does not. */
  readonly healthPort?: number;
  /** True: it goes on when the lab's process ends. */
  readonly survivesLab?: boolean;
}

/** An agent's process on a host of a lab. */
export class AgentProcess {
  readonly host: string;
  readonly command: AgentCommand;
  /** When it was started, in milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** Resolves when the process has ended. */
  readonly exited: Promise<AgentExit>;
  #child: ChildProcess;
  #exit: AgentExit | undefined;
  #startError: Error | undefined;

  /** Starts the agent. A subnet.env that an earlier one left is removed first: only this agent's own tells that it is ready. */
  constructor(node: NetworkNode, command: AgentCommand) {
    this.host = node.name;
    this.command = command;
    rmSync(command.subnetFile, { force: true });
    this.startedAt = Date.now();
    this.#child = node.spawn(command.argv, command);
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#startError = error;
        this.#exit = { code: null, signal: null };
        resolve(this.#exit);
      });
      this.#child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  /** The process id; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get exit(): AgentExit | undefined {
    return this.#exit;
  }

  /** Sends it a signal; nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#child.kill(signal);
  }

  /** Ends it by SIGTERM, and by SIGKILL when it is still there after the grace (milliseconds). */
  async stop(graceMs = 1500): Promise<AgentExit> {
    this.kill('SIGTERM');
    if (!(await poll(() => this.#exit !== undefined, { timeoutMs: graceMs }))) this.kill('SIGKILL');
    return await this.exited;
  }

  /** Lets this process end while the agent runs. */
  release(): void {
    this.#child.unref();
  }

  /** The last lines of its log. */
  logTail(lines = 15): string {
    try {
      const text = readFileSync(this.command.logFile, 'utf8').trimEnd();
      return text.split('\n').slice(-lines).join('\n');
    } catch {
      return '';
    }
  }

  /** The error to give when it ended and should not have. `code`: `OVERLAY_LAB_AGENT_EXITED`. */
  exitError(): OverlayError | undefined {
    if (this.#exit === undefined) return undefined;
    const { code, signal } = this.#exit;
    const how = this.#startError?.message ?? (signal === null ? `exit code ${code}` : `ended by ${signal}`);
    return new OverlayError('OVERLAY_LAB_AGENT_EXITED', `agent on ${this.host}: ${how}`, { cause: this.#startError });
  }
}
