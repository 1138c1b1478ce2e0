import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { PerFamily, Prefix } from '@overlay/core';

const PROGRAM = new URL('./host-process.js', import.meta.url);

/** What a host process says: what it got, or why not. */
export interface Answer {
  readonly subnets?: PerFamily<Prefix>;
  readonly code?: string;
  readonly message?: string;
}

/** Hosts as processes of their own. End them with {@link HostProcesses.stop}, also after a failure. */
export class HostProcesses {
  readonly #children: ChildProcess[] = [];

  /** Starts hosts `host-1` … and lets them acquire at once when all of them are there. */
  async acquireAtOnce(count: number, directory: string, conf: string): Promise<Answer[]> {
    const children = Array.from({ length: count }, (_, at) => {
      const address = `192.0.2.${at + 1}`;
      const child = fork(PROGRAM, [directory, `host-${at + 1}`, conf, address], { execArgv: [] });
      this.#children.push(child);
      return child;
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    const answers = children.map(async (child) => ((await once(child, 'message')) as [Answer])[0]);
    for (const child of children) child.send('go');
    return Promise.all(answers);
  }

  async stop(): Promise<void> {
    const running = this.#children.filter((child) => child.exitCode === null && child.signalCode === null);
    await Promise.all(
      running.map(async (child) => {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }),
    );
  }
}
