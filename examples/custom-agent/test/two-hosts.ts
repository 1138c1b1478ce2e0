import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Two hosts as network namespaces, joined by one wire, as the example expects them. */
export class TwoHosts {
  readonly names = ['h1', 'h2'].map((host) => `ovt-${process.pid}-${host}`);
  readonly #children: ChildProcess[] = [];
  readonly output: string[] = [];

  async create(): Promise<void> {
    const [first, second] = this.names as [string, string];
    for (const name of this.names) await run('ip', ['netns', 'add', name]);
    await run('ip', ['link', 'add', 'eth0', 'netns', first, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', second]);
    for (const [at, name] of this.names.entries()) {
      await run('ip', ['-n', name, 'addr', 'add', `192.168.77.${at + 1}/24`, 'dev', 'eth0']);
      await run('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
      await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    }
  }

  /** Runs the agent on both hosts. */
  start(program: string): void {
    for (const [at, name] of this.names.entries()) {
      const child = spawn('ip', ['netns', 'exec', name, process.execPath, program, `h${at + 1}`]);
      child.stdout.on('data', (data) => this.output.push(String(data)));
      child.stderr.on('data', (data) => this.output.push(String(data)));
      this.#children.push(child);
    }
  }

  /** Resolves when a packet from the first host's subnet has come back from the second one's. */
  async meet(timeoutMs: number): Promise<void> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const answer = await this.#ping();
      if (answer === undefined) return;
      if (Date.now() > end) throw new Error(`no answer within ${timeoutMs} ms: ${answer}\n${this.output.join('')}`);
    }
  }

  async #ping(): Promise<string | undefined> {
    try {
      const args = ['netns', 'exec', this.names[0] ?? '', 'ping', '-c1', '-W1', '-I', '10.244.1.0', '10.244.2.0'];
      await run('ip', args);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async remove(): Promise<void> {
    const ends = this.#children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null) return resolve();
          child.once('exit', () => resolve());
          child.kill('SIGKILL');
        }),
    );
    await Promise.all(ends);
    for (const name of this.names) await run('ip', ['netns', 'del', name]).catch(() => undefined);
  }
}
