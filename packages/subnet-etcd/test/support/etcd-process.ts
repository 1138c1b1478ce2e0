import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** Ports on loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** One etcd process, which can be ended and started again. */
export class EtcdProcess {
  #child: ChildProcess | undefined;
  #log = '';

  constructor(private readonly args: readonly string[]) {}

  get log(): string {
    return this.#log;
  }

  /** What follows a flag. */
  argument(flag: string): string {
    return this.args[this.args.indexOf(flag) + 1] ?? '';
  }

  start(extra: readonly string[] = []): void {
    const args = [
      ...this.args,
      '--unsafe-no-fsync',
      '--logger=zap',
      '--log-outputs=stderr',
      '--log-level=warn',
      ...extra,
    ];
    // It ends with the tests, however these end.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'etcd', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (data: Buffer) => (this.#log = (this.#log + data.toString()).slice(-20_000)));
    this.#child = child;
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  }

  /** Stops it where it is, so that it neither answers nor closes its connections; and lets it go on. */
  freeze(frozen: boolean): void {
    this.#child?.kill(frozen ? 'SIGSTOP' : 'SIGCONT');
  }
}
