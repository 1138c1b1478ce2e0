import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
let counter = 0;

/** A network namespace for one test, as a stand-in for a host. */
export class TestHost {
  readonly name: string;
  /** The file that names it. */
  readonly path: string;

  private constructor(purpose: string) {
    this.name = `ovt-${process.pid}-${purpose}${++counter}`;
    this.path = `/run/netns/${this.name}`;
  }

  static async create(purpose: string): Promise<TestHost> {
    const host = new TestHost(purpose);
    await execute('ip', ['netns', 'add', host.name]);
    await host.ip('link set lo up');
    return host;
  }

  /** Runs `ip` in it, with arguments as one would type them. */
  async ip(line: string): Promise<string> {
    return (await execute('ip', ['-n', this.name, ...line.split(' ')])).stdout;
  }

  /** Runs a program in it. */
  async run(program: string, ...args: string[]): Promise<string> {
    return (await execute('ip', ['netns', 'exec', this.name, program, ...args])).stdout;
  }

  async remove(): Promise<void> {
    await execute('ip', ['netns', 'del', this.name]);
  }
}
