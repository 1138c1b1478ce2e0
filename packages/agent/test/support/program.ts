import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const BIN = fileURLToPath(new URL('../../bin/', import.meta.url));

/** The environment of this process without what is meant for an agent, or for the test runner. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !/^(FLANNELD_|NODE_OPTIONS$|NODE_NAME$)/.test(name)));
}

export interface ProgramOptions {
  readonly name?: 'overlayd' | 'overlay';
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The network namespace to run in; needs root. */
  readonly netns?: string;
}

/** How a program ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of our programs as a process of its own. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly exited: Promise<Exit>;
  stdout = '';
  stderr = '';
  exit: Exit | undefined;

  constructor({ name = 'overlayd', args, env = {}, netns }: ProgramOptions) {
    const own = [process.execPath, `${BIN}${name}.cjs`, ...args];
    const [file, ...rest] = netns === undefined ? own : ['ip', 'netns', 'exec', netns, ...own];
    this.#child = spawn(file, rest, {
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.exit = { code, signal, stdout: this.stdout, stderr: this.stderr };
        resolve(this.exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until the log says something. */
  async says(text: string | RegExp, milliseconds?: number): Promise<void> {
    const found = (): boolean => (typeof text === 'string' ? this.stderr.includes(text) : text.test(this.stderr));
    await until(() => found() || this.exit !== undefined, `the log says ${String(text)}`, milliseconds).catch(
      (error) => {
        throw new Error(`${String(error)}; it says:\n${this.stderr}`);
      },
    );
    if (!found()) throw new Error(`ended without saying ${String(text)}, but:\n${this.stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.exit === undefined) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

/** Runs a program to its end. */
export async function run(options: ProgramOptions): Promise<Exit> {
  await using program = new Program(options);
  return await program.exited;
}
