import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
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

  /** Runs a program on both hosts. */
  start(program: string, words: (host: string) => readonly string[]): void {
    for (const [at, name] of this.names.entries()) {
      const child = spawn('ip', ['netns', 'exec', name, process.execPath, program, ...words(`h${at + 1}`)]);
      child.stdout.on('data', (data) => this.output.push(String(data)));
      child.stderr.on('data', (data) => this.output.push(String(data)));
      this.#children.push(child);
    }
  }

  /** Resolves when a packet from an address of the first host has come back from one of the second. */
  async meet(timeoutMs: number, [from, to]: readonly [string, string]): Promise<void> {
    await this.#poll(['ping', '-c1', '-W1', '-I', from, to], [], timeoutMs);
  }

  /** What the first host answers itself at a URL, as soon as that includes all `parts`. */
  get(url: string, parts: readonly string[], timeoutMs: number): Promise<string> {
    const program =
      'const a = await fetch(process.argv[1]); if (!a.ok) process.exit(1); process.stdout.write(await a.text());';
    return this.#poll([process.execPath, '--input-type=module', '--eval', program, url], parts, timeoutMs);
  }

  /** The routes of the first host, as `ip` shows them. */
  routes(): Promise<string> {
    return this.#run(['ip', 'route']);
  }

  async #poll(argv: readonly string[], parts: readonly string[], timeoutMs: number): Promise<string> {
    for (const end = Date.now() + timeoutMs; ;) {
      const [said, problem] = await this.#run(argv).then(
        (text) => [text, `it says ${text}`],
        (error: unknown) => [undefined, String(error)],
      );
      if (said !== undefined && parts.every((part) => said.includes(part))) return said;
      if (Date.now() > end) throw new Error(`in vain for ${timeoutMs} ms: ${problem}\n${this.output.join('')}`);
      await setTimeout(100);
    }
  }

  async #run(argv: readonly string[]): Promise<string> {
    const { stdout } = await run('ip', ['netns', 'exec', this.names[0] ?? '', ...argv]);
    return stdout;
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
