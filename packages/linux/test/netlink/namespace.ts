import { execFileSync } from 'node:child_process';

let made = 0;

/** A network namespace for one test. What runs in it runs while JavaScript stands still. */
export class Namespace {
  readonly name: string;
  readonly path: string;

  constructor(purpose: string) {
    this.name = `ovt-${process.pid}-nl${++made}${purpose}`;
    this.path = `/run/netns/${this.name}`;
    execFileSync('ip', ['netns', 'add', this.name]);
  }

  /** Runs `ip` in it, with arguments as one would type them. */
  ip(line: string): string {
    return this.#run('ip', line.split(' '));
  }

  /** Runs `bridge` in it. */
  bridge(line: string): string {
    return this.#run('bridge', line.split(' '));
  }

  /** Runs `tc` in it; `last` is an argument with blanks in it. */
  tc(line: string, last?: string): string {
    return this.#run('tc', [...line.split(' '), ...(last === undefined ? [] : [last])]);
  }

  /** What `ip -d -j` says. */
  show(line: string): Record<string, unknown>[] {
    return JSON.parse(this.#run('ip', ['-d', '-j', ...line.split(' ')])) as Record<string, unknown>[];
  }

  /** What `bridge -d -j` says. */
  showBridge(line: string): Record<string, unknown>[] {
    return JSON.parse(this.#run('bridge', ['-d', '-j', ...line.split(' ')])) as Record<string, unknown>[];
  }

  /** Runs many commands of `ip` at once. */
  batch(lines: readonly string[]): void {
    execFileSync('ip', ['-n', this.name, '-batch', '-'], { input: lines.join('\n'), stdio: ['pipe', 'pipe', 'pipe'] });
  }

  remove(): void {
    execFileSync('ip', ['netns', 'del', this.name]);
  }

  #run(program: string, args: readonly string[]): string {
    return execFileSync(program, ['-n', this.name, ...args], { encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  }
}

/** Waits until a condition holds. */
export async function until(condition: () => boolean, what: string, milliseconds = 10_000): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${milliseconds} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
