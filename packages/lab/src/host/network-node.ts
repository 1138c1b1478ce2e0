import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import process from 'node:process';
import type { Address, PerFamily } from '@overlay/core';
import { endingWithParent, inNetns } from '../system/netns.js';
import type { RunOptions, RunResult } from '../system/run.js';
import { run } from '../system/run.js';

/** How a program is started in a namespace and left running. */
export interface SpawnOptions {
  /** Its environment; default this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** A file that its output is appended to. Default: the output is lost. */
  readonly logFile?: string;
  /** True: it goes on when this process ends. Default false: the kernel then kills it. */
  readonly survivesLab?: boolean;
}

/** A namespace of a lab in which programs can be run: a host or a pod. */
export class NetworkNode {
  /** `h1`, `h1p1`. */
  readonly name: string;
  /** The namespace's name, as `ip netns` knows it. */
  readonly netns: string;
  /** Its addresses: a host's on the underlay, a pod's in the overlay. */
  readonly addresses: PerFamily<Address>;

  constructor(plan: { name: string; netns: string; addresses: PerFamily<Address> }) {
    this.name = plan.name;
    this.netns = plan.netns;
    this.addresses = plan.addresses;
  }

  /**
   * Runs a program in the namespace to its end.
   *
   * @throws OverlayError `OVERLAY_LAB_COMMAND` on an exit code other than 0, unless `check` is false; `OVERLAY_ABORTED`.
   */
  async exec(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await run(inNetns(this.netns, argv), options);
  }

  /**
   * Starts a program in the namespace. It is in a process group of its own, so that Ctrl-C in a terminal reaches the
   * lab alone, which then ends its programs in order.
   */
  spawn(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const here = inNetns(this.netns, argv);
    const [program, ...args] = options.survivesLab === true ? here : endingWithParent(here);
    const output = options.logFile === undefined ? 'ignore' : openSync(options.logFile, 'a');
    try {
      return spawn(program, args, {
        env: options.env ?? process.env,
        detached: true,
        stdio: ['ignore', output, output],
      });
    } finally {
      if (typeof output === 'number') closeSync(output);
    }
  }
}
